import type { RemoteError } from '../errors'
import { homeOf, partOf } from '../home'
import type { NameStats } from '../observe/stats'
import type { Topic } from '../transport'
import { ById } from './by-id'
import { Stream } from '../pending/stream'
import type { Subscription } from './subscription'
import type { Wait } from '../pending/wait'

export type Listener = (id: string, ...args: unknown[]) => unknown
export type FailureListener = (id: string, error: RemoteError) => unknown

/** What is called for each event and each failure of a name, and what runs it in the context in which it was given. */
export interface Listened {
  readonly event: Listener | undefined
  readonly failure: FailureListener | undefined
  run(call: () => unknown): unknown
}

/** The part of a name that is all homes of it. */
export const ALL_HOMES = '~*'

/** A wait, a stream, or either, that knows its entry here. */
export type NameWait = Wait<NameEntry>
export type NameStream = Stream<NameEntry>
export type NamePending = NameWait | NameStream

/** Everything that is known of one event name. */
export class NameEntry {
  readonly name: string
  readonly waits = new ById<NameWait>()
  readonly streams = new ById<NameStream>()
  readonly listeners = new Set<Listened>()
  /** The subscription of the whole name. */
  whole: Subscription | undefined
  /** Those of parts of it, where the transport routes by id: by id, or by `~` and the label of a home. */
  readonly parts = new Map<string, Subscription>()

  /** Those whose ids have somebody else's home, by it. */
  readonly #foreign = new Map<string, Set<NamePending>>()
  readonly #foreignHomeOf: (id: string) => string | undefined

  /** `foreignHomeOf` tells whose home an id has, if that is not this instance's. */
  constructor(name: string, foreignHomeOf: (id: string) => string | undefined) {
    this.name = name
    this.#foreignHomeOf = foreignHomeOf
  }

  add(item: NamePending): void {
    if (isStream(item)) this.streams.add(item)
    else this.waits.add(item)
    const home = this.#foreignHomeOf(item.id)
    if (home === undefined) return
    const items = this.#foreign.get(home) ?? new Set()
    this.#foreign.set(home, items.add(item))
  }

  remove(item: NamePending): void {
    if (isStream(item)) this.streams.remove(item)
    else this.waits.remove(item)
    const home = this.#foreignHomeOf(item.id)
    if (home === undefined) return
    const items = this.#foreign.get(home)
    items?.delete(item)
    if (items?.size === 0) this.#foreign.delete(home)
  }

  /** Waits and streams; a copy, since settling changes the registry. */
  pendingFor(id: string): readonly NamePending[] {
    const waits = this.waits.of(id)
    return this.streams.size === 0 ? waits : [...waits, ...this.streams.of(id)]
  }

  stats(): NameStats {
    return { name: this.name, waits: this.waits.size, streams: this.streams.size, listeners: this.listeners.size }
  }

  /** As `pendingFor`, of all ids of this instance's home, or of those without one: looks at all that is pending. */
  pendingOf(home: string | undefined): readonly NamePending[] {
    return [...this.allPending()].filter(({ id }) => homeOf(id) === home)
  }

  /** As `pendingFor`, of all ids of somebody else's home: there may be many of those, with a wait each. */
  pendingAt(home: string): readonly NamePending[] {
    return [...(this.#foreign.get(home) ?? [])]
  }

  *allPending(): Generator<NamePending> {
    yield* this.waits.all()
    yield* this.streams.all()
  }

  /** How many listeners hear messages of that kind. */
  hearing(kind: 'event' | 'failure'): number {
    let count = 0
    if (this.listeners.size === 0) return count
    for (const { [kind]: listener } of this.listeners) if (listener !== undefined) count++
    return count
  }

  /** Whether anybody would get an event of this id. */
  wants(id: string): boolean {
    return this.listeners.size > 0 || this.waits.has(id) || this.streams.has(id)
  }

  /** Whether a subscription that covers this id is about to stand. */
  awaits(id: string): boolean {
    if (this.whole?.isAwaited === true) return true
    if (this.parts.size === 0) return false
    const part = partOf(id)
    const covering = part === id ? [id] : [id, part, ALL_HOMES]
    return covering.some((each) => this.parts.get(each)?.isAwaited === true)
  }

  subscriptionOf(topic: Topic): Subscription | undefined {
    const part = partIn(topic)
    return part === undefined ? this.whole : this.parts.get(part)
  }

  begin(subscription: Subscription): void {
    const part = partIn(subscription.topic)
    if (part === undefined) this.whole = subscription
    else this.parts.set(part, subscription)
  }

  /** May be told twice: what took its place meanwhile stays. */
  drop(subscription: Subscription): void {
    if (this.subscriptionOf(subscription.topic) !== subscription) return
    const part = partIn(subscription.topic)
    if (part === undefined) this.whole = undefined
    else this.parts.delete(part)
  }

  *subscriptions(): Generator<Subscription> {
    if (this.whole !== undefined) yield this.whole
    yield* this.parts.values()
  }

  get isEmpty(): boolean {
    return (
      this.waits.size === 0 &&
      this.streams.size === 0 &&
      this.listeners.size === 0 &&
      this.whole === undefined &&
      this.parts.size === 0
    )
  }
}

function partIn({ id, home }: Topic): string | undefined {
  return home === undefined ? id : `~${home}`
}

export function isStream(item: NamePending): item is NameStream {
  return item instanceof Stream
}
