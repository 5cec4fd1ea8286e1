import { ById } from './by-id'
import type { Held } from './outbox'
import type { Pending } from './pending'
import type { Stream } from './stream'
import type { Subscription } from './subscription'
import type { Wait } from './wait'

export type Listener = (id: string, ...args: unknown[]) => unknown

/** Everything that is known of one event name. */
export class Name {
  readonly name: string
  readonly waits = new ById<Wait>()
  readonly streams = new ById<Stream>()
  readonly listeners = new Set<Listener>()
  /** The subscription of the whole name. */
  whole: Subscription | undefined
  /** The subscriptions by id, where the transport routes by id. */
  readonly byId = new Map<string, Subscription>()
  /** Emits and fails that wait for a subscription in flight, in order. */
  held: Held[] = []

  constructor(name: string) {
    this.name = name
  }

  /** Waits and streams; a copy, since settling changes the registry. */
  pendingFor(id: string): readonly Pending[] {
    const waits = this.waits.of(id)
    return this.streams.size === 0 ? waits : [...waits, ...this.streams.of(id)]
  }

  *allPending(): Generator<Pending> {
    yield* this.waits.all()
    yield* this.streams.all()
  }

  /** Whether anybody would get an event of this id. */
  wants(id: string): boolean {
    return this.listeners.size > 0 || this.waits.has(id) || this.streams.has(id)
  }

  /** Whether a subscription that covers this id is about to stand. */
  awaits(id: string): boolean {
    return this.whole?.isAwaited === true || this.byId.get(id)?.isAwaited === true
  }

  get isEmpty(): boolean {
    return (
      this.waits.size === 0 &&
      this.streams.size === 0 &&
      this.listeners.size === 0 &&
      this.whole === undefined &&
      this.byId.size === 0 &&
      this.held.length === 0
    )
  }
}
