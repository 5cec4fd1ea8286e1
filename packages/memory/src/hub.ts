import { ConnectionError, InvalidArgumentError } from 'server-events'
import type { EventKey, Message, Once } from 'server-events'
import { KeptMessages } from './kept-messages'
import type { HubConnection, HubSubscriber } from './members'
import { copyOf } from './messages'
import { LONGEST_TIMER } from './timers'

/**
 * What a server is to other transports: transports on one hub hear each other, and nobody else.
 * Make one where a test wants to be alone, or wants faults.
 */
export class MemoryHub {
  readonly #connections = new Set<HubConnection>()
  readonly #subscribers = new Set<HubSubscriber>()
  readonly #kept = new KeptMessages()
  #latency = 0
  #outage: Error | undefined

  /**
   * How long what a transport asks takes to get here, in ms: that long after an emit it is heard and
   * kept, and the emit settles; that long after `reconnect` the connections stand. By timers, which
   * fake ones drive; 0, the default, is none: promise reactions only. What is under way keeps its
   * time, and nothing of one transport overtakes what it published, or subscribed, before.
   *
   * @throws InvalidArgumentError unless it is an integer from 0 to 2^31 - 1
   */
  get latency(): number {
    return this.#latency
  }

  /** In ms, for everything from now on. */
  set latency(ms: number) {
    if (!Number.isInteger(ms) || ms < 0 || ms > LONGEST_TIMER) {
      throw new InvalidArgumentError(
        `latency must be an integer of ms from 0 to ${LONGEST_TIMER}, not ${typeof ms === 'number' ? ms : `a ${typeof ms}`}`,
      )
    }
    this.#latency = ms
  }

  /**
   * Breaks the connections of all transports on this hub, at once, and lets none come to stand until
   * `reconnect`. Emits wait for that 5,000 ms, then reject with ConnectionError; what is kept stays.
   * While disconnected, nothing happens.
   */
  disconnect(): void {
    if (this.#outage) return
    this.#outage = new ConnectionError('the hub is disconnected, until its reconnect()')
    for (const connection of this.#connections) connection.break(this.#outage)
  }

  /**
   * Lets the connections stand again: first those that publish, then those that subscribe. So an
   * emit that waited goes out when nobody is subscribed yet, as it happens with servers that are back
   * at different times: what is not kept is missed. While connected, nothing happens.
   */
  reconnect(): void {
    if (!this.#outage) return
    this.#outage = undefined
    for (const side of ['inputStore', 'outputStore'] as const) {
      for (const connection of this.#connections) if (connection.side === side) connection.restore()
    }
  }

  /** @internal */
  open(connection: HubConnection): void {
    if (this.#connections.has(connection)) return
    this.#connections.add(connection)
    if (this.#outage) connection.break(this.#outage)
  }

  /** @internal */
  drop(connection: HubConnection): void {
    this.#connections.delete(connection)
  }

  /** @internal */
  join(subscriber: HubSubscriber): void {
    this.#subscribers.add(subscriber)
  }

  /** @internal */
  leave(subscriber: HubSubscriber): void {
    this.#subscribers.delete(subscriber)
  }

  /** @internal */
  publish(key: EventKey, message: Message): void {
    for (const subscriber of this.#subscribers) subscriber.hear(key, message)
  }

  /**
   * What holds instead of it, if anything does.
   * @internal
   */
  keep(key: EventKey, message: Message, keepMs: number, once?: Once): Message | undefined {
    const held = once && this.#kept.get(key)
    if (held && once(held) !== 'none') return held
    this.#kept.set(key, message, keepMs)
    return undefined
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
