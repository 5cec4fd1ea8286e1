import type { Socket } from 'node:net'
import type { NatsConnection } from '@nats-io/transport-node'

/** What the client does not let us do, we reach into it for. All of it may be missing in another version. */
interface Internals {
  readonly protocol?: {
    readonly transport?: { readonly socket?: Partial<Socket> | undefined; discard?(): void }
  }
}

/**
 * Gives its connection up at once; the client then connects again. Its own `reconnect` first waits
 * until all that was written has left, which with a peer that reads nothing is never.
 */
export function dropConnection(client: NatsConnection): void {
  void client.reconnect()
  transportOf(client)?.socket?.destroy?.()
}

/**
 * Closes it, connected or connecting. Its own `close` lets an attempt to connect go on, and keeps
 * the connection that comes of it for ever.
 */
export async function closeClient(client: NatsConnection, connected: boolean): Promise<void> {
  if (!connected) transportOf(client)?.discard?.()
  await client.close()
}

function transportOf(client: NatsConnection): NonNullable<Internals['protocol']>['transport'] {
  return (client as unknown as Internals).protocol?.transport
}
