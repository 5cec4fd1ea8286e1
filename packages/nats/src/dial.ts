import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { connect } from '@nats-io/transport-node'
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'

/** Node tells of every socket that anybody in the process opens. */
const CHANNEL = 'net.client.socket'

/** How often it is looked whether sockets are left, in ms; twice without one is the end. */
const LOOK = 500

/**
 * One attempt to connect that can be called off, and that ends when its sockets have. The client
 * gives its caller nothing before it is connected; of a server that says nothing (frozen, or gone
 * behind a balancer) it leaves the socket open when its time is up; and when the connection closes
 * while it greets the server, it waits for the answer until then. So the sockets that it opens are
 * written down, told apart from everybody else's by the asynchronous context.
 */
export class Attempt {
  readonly client: Promise<NatsConnection>
  private readonly sockets = new Set<Socket>()
  private over = false
  private giveUp!: (error: Error) => void

  constructor(options: ConnectionOptions) {
    this.client = new Promise((resolve, reject) => {
      this.giveUp = (error) => {
        this.over = true
        for (const socket of this.sockets) socket.destroy()
        reject(error)
      }
      void this.run(options, resolve)
    })
  }

  /** The client then rejects, if it has not connected yet. */
  abort(): void {
    this.giveUp(new Error('called off'))
  }

  private async run(options: ConnectionOptions, resolve: (client: NatsConnection) => void): Promise<void> {
    // One for each attempt, disabled after it: while one is in use, every promise costs more.
    const context = new AsyncLocalStorage<Attempt>()
    const opened = (message: unknown): void => {
      if (context.getStore() === this) this.opened((message as { socket: Socket }).socket)
    }
    const looking = this.lookForSockets()
    subscribe(CHANNEL, opened)
    try {
      const client = await context.run(this, () => connect(options))
      // Given up, and connected all the same: to the next server of several.
      if (this.over) await client.close()
      else resolve(client)
    } catch (error) {
      this.giveUp(error as Error)
    } finally {
      unsubscribe(CHANNEL, opened)
      context.disable()
      clearInterval(looking)
      this.sockets.clear()
    }
  }

  private opened(socket: Socket): void {
    this.sockets.add(socket)
    // Not at once: it has no listener yet, not even for its error.
    if (this.over) setImmediate(() => socket.destroy())
  }

  /** By looking, because the client removes the listeners of others from its sockets. */
  private lookForSockets(): NodeJS.Timeout {
    let gone = 0
    return setInterval(() => {
      const isGone = this.sockets.size > 0 && [...this.sockets].every((socket) => socket.destroyed)
      gone = isGone ? gone + 1 : 0
      if (gone === 2) this.giveUp(new Error('closed by the server'))
    }, LOOK).unref()
  }
}
