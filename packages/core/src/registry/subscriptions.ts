import { homeOf, partOf } from '../home'
import { fromTransport } from '../transport-errors'
import { ALL_HOMES, NameEntry, type Listened, type NamePending } from './name'
import { Subscription, type SubscriptionHost } from './subscription'
import { inThisContext } from '../base/context'
import { noop } from '../base/reject-at-caller'
import type { Ids } from '../base/ids'
import type { NameStats } from '../observe/stats'
import type { Topic, Transport } from '../transport'

/** An unused subscription of a whole name, or of this instance's home, stays this long, in ms: the next wait is likely near. */
const LINGER = 30_000

export interface SubscriptionsHost {
  /** When a refused subscription of a listener is tried again, in ms. */
  readonly retry: number
  isOpen(): boolean
  /** The subscription of these stands on this connection. */
  confirmed(items: Iterable<NamePending>): void
  /** The broker refuses the subscription of these. */
  refused(items: readonly NamePending[], error: unknown): void
  /** A refusal that nobody waited for, of a name that still has listeners. */
  withdrawn(error: unknown): void
  /** A subscription of the name has settled, either way, or is wanted no more. */
  settled(entry: NameEntry): void
  /** A wait on an id that was not made here, of a name that is in option `listen` for those that were. */
  foreign(name: string): void
  /** Listeners of the name hear no ids of homes: the broker refuses that. */
  homeless(name: string, error: unknown): void
}

/** The names in use and their subscriptions: what is heard, and for whom. */
export class Subscriptions {
  readonly #transport: Transport
  readonly #hasHomes: boolean
  readonly #ids: Ids
  readonly #host: SubscriptionsHost
  readonly #listen: readonly string[]
  readonly #foreignHomeOf = (id: string): string | undefined =>
    this.#hasHomes && !this.#ids.isOwn(id) ? homeOf(id) : undefined
  readonly #names = new Map<string, NameEntry>()
  #desired: readonly Subscription[] | undefined

  /** `listen` are the names of that option. */
  constructor(transport: Transport, ids: Ids, host: SubscriptionsHost, listen: readonly string[]) {
    this.#transport = transport
    this.#hasHomes = transport.homes === true
    this.#ids = ids
    this.#host = host
    this.#listen = listen
  }

  get size(): number {
    return this.#names.size
  }

  /** Those with the most waits and streams, at most `count`. */
  busiest(count: number): NameStats[] {
    const pending = ({ waits, streams }: NameEntry): number => waits.size + streams.size
    return [...this.#names.values()]
      .filter((entry) => pending(entry) > 0)
      .sort((one, other) => pending(other) - pending(one))
      .slice(0, count)
      .map((entry) => entry.stats())
  }

  find(name: string): NameEntry | undefined {
    return this.#names.get(name)
  }

  obtain(name: string): NameEntry {
    let entry = this.#names.get(name)
    if (entry === undefined) this.#names.set(name, (entry = new NameEntry(name, this.#foreignHomeOf)))
    return entry
  }

  *pending(): Generator<NamePending> {
    for (const entry of this.#names.values()) yield* entry.allPending()
  }

  /** The subscription that a wait or stream hangs on. */
  of(entry: NameEntry, id: string): Subscription {
    const byName = this.#transport.routing === 'name'
    if (!this.#hasHomes) {
      if (byName) return this.whole(entry)
      return entry.parts.get(id) ?? this.#begin(entry, { name: entry.name, id }, 0)
    }
    if (this.#ids.isOwn(id)) return this.#own(entry)
    const part = entry.parts.get(partOf(id))
    if (part !== undefined) return part
    const home = homeOf(id)
    if (byName && home === undefined) return this.whole(entry)
    if (this.#everything(entry) === undefined && this.#listen.includes(entry.name)) this.#host.foreign(entry.name)
    return this.#begin(entry, home === undefined ? { name: entry.name, id } : { name: entry.name, home }, 0)
  }

  /** That of all ids that are made here. */
  #own(entry: NameEntry): Subscription {
    return this.#home(entry, this.#ids.suffix)
  }

  /** That of a home of a name, by its `~` and label, whether waits have homes here or not: where answers come to. */
  home(name: string, suffix: string): Subscription {
    return this.#home(this.obtain(name), suffix)
  }

  #home(entry: NameEntry, suffix: string): Subscription {
    return entry.parts.get(suffix) ?? this.#begin(entry, { name: entry.name, home: suffix.slice(1) }, LINGER)
  }

  whole(entry: NameEntry): Subscription {
    return entry.whole ?? this.#begin(entry, { name: entry.name }, this.#transport.routing === 'name' ? LINGER : 0)
  }

  /** What covers every id of the name, beside those that the whole name covers: if anybody listens. */
  #everything(entry: NameEntry): Subscription | undefined {
    return this.#transport.routing === 'name' ? entry.parts.get(ALL_HOMES) : entry.whole
  }

  #begin(entry: NameEntry, topic: Topic, lingering: number): Subscription {
    const subscription = new Subscription(topic, this.#hostFor(entry, lingering))
    entry.begin(subscription)
    return subscription
  }

  /** Subscribes the names of option `listen`; they stay desired until close. */
  desire(): readonly Subscription[] {
    this.#desired ??= this.#listen.map((name) => {
      const entry = this.obtain(name)
      const own = this.#hasHomes && this.#transport.routing === 'id'
      const subscription = own ? this.#own(entry) : this.whole(entry)
      subscription.acquire()
      return subscription
    })
    return this.#desired
  }

  /** `standing` resolves when it hears all that it may, and rejects when the name is refused. */
  listen(name: string, { event, failure }: Partial<Listened> = {}): { standing: Promise<unknown>; close: () => void } {
    const entry = this.obtain(name)
    // Of its own, so that a listener given twice is called twice and leaves twice; in the context of this call.
    const own = { event, failure, run: inThisContext((call: () => unknown) => call()) }
    if (event !== undefined || failure !== undefined) entry.listeners.add(own)
    const subscriptions = [this.whole(entry)]
    if (this.#hasHomes && this.#transport.routing === 'name')
      subscriptions.push(entry.parts.get(ALL_HOMES) ?? this.#begin(entry, { name, home: '*' }, 0))
    for (const subscription of subscriptions) subscription.acquire()
    // The engine is told of a refusal, and says it once.
    const [whole, homes] = subscriptions.map((subscription) => subscription.standing())
    const standing = Promise.all([whole, homes?.catch(noop)])
    let closed = false
    const close = (): void => {
      if (closed) return
      closed = true
      entry.listeners.delete(own)
      for (const subscription of subscriptions) subscription.release()
    }
    return { standing, close }
  }

  close(error: Error): void {
    for (const entry of this.#names.values())
      for (const subscription of entry.subscriptions()) subscription.close(error)
    this.#names.clear()
  }

  #hostFor(entry: NameEntry, lingering: number): SubscriptionHost {
    const host = this.#host
    return {
      linger: lingering,
      retry: host.retry,
      isOpen: () => host.isOpen(),
      // Async, so that one that throws is one that rejects.
      subscribe: async (topic) => {
        await this.#transport.subscribe(topic)
      },
      unsubscribe: async (topic) => {
        await this.#transport.unsubscribe(topic)
      },
      stood: (subscription) => {
        host.confirmed(this.#covered(entry, subscription))
        host.settled(entry)
      },
      refused: (subscription, error, told) => {
        host.refused([...this.#covered(entry, subscription)], error)
        host.settled(entry)
        if (subscription.topic.home === '*') host.homeless(entry.name, error)
        else if (!told && subscription.isUsed) host.withdrawn(fromTransport(error))
      },
      idle: (subscription) => {
        entry.drop(subscription)
        host.settled(entry)
        if (entry.isEmpty && this.#names.get(entry.name) === entry) this.#names.delete(entry.name)
      },
    }
  }

  #covered(entry: NameEntry, { topic }: Subscription): Iterable<NamePending> {
    if (topic.id !== undefined) return entry.pendingFor(topic.id)
    const { home } = topic
    if (home !== undefined) return this.#ids.isOwn(`~${home}`) ? entry.pendingOf(home) : entry.pendingAt(home)
    if (this.#transport.routing === 'id') return []
    return this.#hasHomes ? entry.pendingOf(undefined) : entry.allPending()
  }
}
