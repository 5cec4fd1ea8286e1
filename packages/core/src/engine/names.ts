import type { Outgoing } from './outbox'
import type { Subscription } from './subscription'
import type { Wait } from './wait'

export type Listener = (id: string, ...args: unknown[]) => unknown

/** Everything that is known of one event name. */
export class Name {
  readonly name: string
  /** By id. A Set only from the second wait on: nearly always there is one. */
  readonly waits = new Map<string, Wait | Set<Wait>>()
  readonly listeners = new Set<Listener>()
  /** The subscription of the whole name. */
  whole: Subscription | undefined
  /** The subscriptions by id, where the transport routes by id. */
  readonly byId = new Map<string, Subscription>()
  /** Emits and fails that wait for a subscription in flight, in order. */
  held: Outgoing[] = []

  constructor(name: string) {
    this.name = name
  }

  add(wait: Wait): void {
    const present = this.waits.get(wait.id)
    if (present === undefined) this.waits.set(wait.id, wait)
    else if (present instanceof Set) present.add(wait)
    else this.waits.set(wait.id, new Set([present, wait]))
  }

  remove(wait: Wait): void {
    const present = this.waits.get(wait.id)
    if (present instanceof Set) {
      present.delete(wait)
      if (present.size > 0) return
    }
    this.waits.delete(wait.id)
  }

  /** A copy: settling changes the registry. */
  waitsFor(id: string): readonly Wait[] {
    const present = this.waits.get(id)
    if (present === undefined) return []
    return present instanceof Set ? [...present] : [present]
  }

  *allWaits(): Generator<Wait> {
    for (const present of this.waits.values()) {
      if (present instanceof Set) yield* present
      else yield present
    }
  }

  /** Whether a subscription that covers this id is about to stand. */
  awaits(id: string): boolean {
    return this.whole?.isAwaited === true || this.byId.get(id)?.isAwaited === true
  }

  get isEmpty(): boolean {
    return (
      this.waits.size === 0 &&
      this.listeners.size === 0 &&
      this.whole === undefined &&
      this.byId.size === 0 &&
      this.held.length === 0
    )
  }
}
