import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { connect } from '@nats-io/transport-node'
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'

/** Node tells of every socket that anybody in the process opens. */
const CHANNEL = 'net.client.socket'

/**
 * One attempt to connect that can be called off. The client cannot: it gives its caller nothing
 * before it is connected, and of a server that accepts a connection and says nothing (frozen, or
 * gone behind a balancer) it leaves the socket open when its own time is up. So the sockets that
 * it opens are written down, told apart from everybody else's by the asynchronous context.
 */
export class Attempt {
  readonly client: Promise<NatsConnection>
  private readonly sockets = new Set<Socket>()
  private aborted = false

  constructor(options: ConnectionOptions) {
    // One for each attempt, disabled after it: while one is in use, every promise costs more.
    const context = new AsyncLocalStorage<Attempt>()
    const opened = (message: unknown): void => {
      if (context.getStore() === this) this.opened((message as { socket: Socket }).socket)
    }
    subscribe(CHANNEL, opened)
    this.client = context
      .run(this, () => connect(options))
      .catch((error: unknown) => {
        for (const socket of this.sockets) socket.destroy()
        throw error
      })
      .finally(() => {
        unsubscribe(CHANNEL, opened)
        context.disable()
        this.sockets.clear()
      })
  }

  /** The client then rejects, if it has not connected yet. */
  abort(): void {
    this.aborted = true
    for (const socket of this.sockets) socket.destroy()
  }

  private opened(socket: Socket): void {
    this.sockets.add(socket)
    // Not at once: it has no listener yet, not even for its error.
    if (this.aborted) setImmediate(() => socket.destroy())
  }
}
