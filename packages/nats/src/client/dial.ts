import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { connect } from '@nats-io/transport-node'
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'

/** Node tells of every socket that anybody in the process opens. */
const CHANNEL = 'net.client.socket'

/** How often it is looked whether sockets are left, in ms; twice without one is the end. */
const LOOK = 500

/** A client that is connected, and the socket that it is connected by. */
export interface Dialed {
  readonly client: NatsConnection
  readonly socket: Socket | undefined
}

/**
 * One attempt to connect that can be called off, and that ends when its sockets have. The client
 * gives its caller nothing before it is connected; of a server that says nothing (frozen, or gone
 * behind a balancer) it leaves the socket open when its time is up; and when the connection closes
 * while it greets the server, it waits for the answer until then. So the sockets that it opens are
 * written down, told apart from everybody else's by the asynchronous context.
 */
export function dial(options: ConnectionOptions, signal: AbortSignal): Promise<Dialed> {
  return new Promise((resolve, reject) => new Attempt(options, signal, resolve, reject))
}

class Attempt {
  readonly #reject: (error: unknown) => void
  readonly #sockets: Socket[] = []
  #isOver = false

  constructor(
    options: ConnectionOptions,
    signal: AbortSignal,
    resolve: (dialed: Dialed) => void,
    reject: (error: unknown) => void,
  ) {
    this.#reject = reject
    const calledOff = (): void => this.#giveUp(new Error('called off'))
    signal.addEventListener('abort', calledOff, { once: true })
    void this.#run(options, resolve).finally(() => signal.removeEventListener('abort', calledOff))
  }

  async #run(options: ConnectionOptions, resolve: (dialed: Dialed) => void): Promise<void> {
    // One for each attempt, disabled after it: while one is in use, every promise costs more.
    const context = new AsyncLocalStorage<Attempt>()
    const opened = (message: unknown): void => {
      if (context.getStore() === this) this.#opened((message as { socket: Socket }).socket)
    }
    const looking = this.#lookForSockets()
    subscribe(CHANNEL, opened)
    try {
      const client = await context.run(this, () => connect(options))
      // Given up, and connected all the same: to the next address of several.
      if (this.#isOver) await client.close()
      else resolve({ client, socket: this.#sockets.findLast(({ destroyed }) => !destroyed) })
    } catch (error) {
      this.#giveUp(error)
    } finally {
      unsubscribe(CHANNEL, opened)
      context.disable()
      clearInterval(looking)
    }
  }

  #giveUp(error: unknown): void {
    this.#isOver = true
    for (const socket of this.#sockets) socket.destroy()
    this.#reject(error)
  }

  #opened(socket: Socket): void {
    this.#sockets.push(socket)
    // Not at once: it has no listener yet, not even for its error.
    if (this.#isOver) setImmediate(() => socket.destroy())
  }

  /** By looking, because the client removes the listeners of others from its sockets. */
  #lookForSockets(): NodeJS.Timeout {
    let gone = 0
    return setInterval(() => {
      const isGone = this.#sockets.length > 0 && this.#sockets.every(({ destroyed }) => destroyed)
      gone = isGone ? gone + 1 : 0
      if (gone === 2) this.#giveUp(new Error('closed by the server'))
    }, LOOK).unref()
  }
}
