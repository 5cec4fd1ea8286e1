import type { EventKey, Message } from 'server-events'
import { KeptMessages } from './kept-messages'
import { copyOf } from './messages'
import type { Subscriber } from './subscriber'

/**
 * What a server is to other transports: transports on one hub hear each other, and nobody else.
 * Make one where a test wants to be alone. Its methods are for MemoryTransport.
 */
export class MemoryHub {
  readonly #subscribers = new Set<Subscriber>()
  readonly #kept = new KeptMessages()

  /** @internal */
  join(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber)
  }

  /** @internal */
  leave(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber)
  }

  /** @internal */
  publish(key: EventKey, message: Message): void {
    for (const subscriber of this.#subscribers) subscriber.hear(key, message)
  }

  /** @internal */
  keep(key: EventKey, message: Message, keepMs: number): void {
    this.#kept.set(key, message, keepMs)
  }

  /** @internal */
  recall(key: EventKey): Message | undefined {
    const message = this.#kept.get(key)
    return message && copyOf(message)
  }

  /** @internal */
  forget(key: EventKey): void {
    this.#kept.delete(key)
  }
}
