import type { Socket } from 'node:net'
import type { NatsConnection } from '@nats-io/transport-node'

/** What the client does not let us do, we reach into it for. All of it may be missing in another version. */
interface Internals {
  readonly protocol?: {
    readonly transport?: { readonly socket?: Partial<Socket> | undefined; discard?(): void }
    connectError?(error: Error): void
  }
}

/**
 * Gives its connection up at once; the client then connects again. Its own `reconnect` first waits
 * until all that was written has left, which with a peer that reads nothing is never.
 */
export function dropConnection(client: NatsConnection): void {
  void client.reconnect()
  internalsOf(client)?.transport?.socket?.destroy?.()
}

/**
 * The connection has closed that it was just making: it is to make the next one. Left alone, it
 * waits for the answer to its greeting until its `timeout` is up.
 */
export function nextAttempt(client: NatsConnection): void {
  internalsOf(client)?.connectError?.(new Error('closed by the server'))
}

/**
 * Closes it, connected or connecting. Its own `close` does not end an attempt to connect: the
 * socket stays open for as long as a frozen server says nothing.
 */
export async function closeClient(client: NatsConnection, connected: boolean): Promise<void> {
  if (!connected) internalsOf(client)?.transport?.discard?.()
  await client.close()
}

function internalsOf(client: NatsConnection): Internals['protocol'] {
  return (client as unknown as Internals).protocol
}
