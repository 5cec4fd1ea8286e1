import type { EventKey, Message, Side } from 'server-events'

/** One side of a transport, as its hub breaks and restores it. */
export interface HubConnection {
  readonly side: Side
  break(cause: Error): void
  restore(): void
}

/** A transport, as its hub publishes to it. */
export interface HubSubscriber {
  hear(key: EventKey, message: Message): void
}
