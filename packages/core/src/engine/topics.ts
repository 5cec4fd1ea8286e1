import { fromTransport } from './from-transport'
import { Name, type Listener } from './names'
import { Subscription, type SubscriptionHost } from './subscription'
import type { Transport } from '../transport'
import type { Pending } from './pending'

/** An unused subscription of a whole name stays this long, in ms: the next wait is likely near. */
const linger = 30_000

export interface TopicsHost {
  /** When a refused subscription of a listener is tried again, in ms. */
  readonly retry: number
  isOpen(): boolean
  /** The subscription of these stands on this connection. */
  confirmed(items: Iterable<Pending>): void
  /** The broker refuses the subscription of these. */
  refused(items: readonly Pending[], error: unknown): void
  /** A refusal that nobody waited for, of a name that still has listeners. */
  withdrawn(error: unknown): void
  /** A subscription of the name has settled, either way, or is wanted no more. */
  settled(name: Name): void
}

/** The names in use and their subscriptions: what is heard, and for whom. */
export class Topics {
  readonly #transport: Transport
  readonly #host: TopicsHost
  readonly #listen: readonly string[]
  readonly #names = new Map<string, Name>()
  #desired: readonly Subscription[] | undefined

  /** `listen` are the names of that option. */
  constructor(transport: Transport, host: TopicsHost, listen: readonly string[]) {
    this.#transport = transport
    this.#host = host
    this.#listen = listen
  }

  get size(): number {
    return this.#names.size
  }

  find(name: string): Name | undefined {
    return this.#names.get(name)
  }

  obtain(name: string): Name {
    let entry = this.#names.get(name)
    if (entry === undefined) this.#names.set(name, (entry = new Name(name)))
    return entry
  }

  names(): Iterable<Name> {
    return this.#names.values()
  }

  *pending(): Generator<Pending> {
    for (const name of this.#names.values()) yield* name.allPending()
  }

  /** The subscription that a wait or stream hangs on. */
  of(entry: Name, id: string): Subscription {
    if (this.#transport.routing === 'name') return this.whole(entry)
    let subscription = entry.byId.get(id)
    if (subscription === undefined) {
      subscription = new Subscription({ name: entry.name, id }, this.#hostFor(entry, 0))
      entry.byId.set(id, subscription)
    }
    return subscription
  }

  whole(entry: Name): Subscription {
    entry.whole ??= new Subscription(
      { name: entry.name },
      this.#hostFor(entry, this.#transport.routing === 'name' ? linger : 0),
    )
    return entry.whole
  }

  /** Subscribes the names of option `listen`; they stay desired until close. */
  desire(): readonly Subscription[] {
    this.#desired ??= this.#listen.map((name) => this.listen(name, undefined).subscription)
    return this.#desired
  }

  listen(name: string, listener: Listener | undefined): { subscription: Subscription; close: () => void } {
    const entry = this.obtain(name)
    // Of its own, so that a listener given twice is called twice and leaves twice.
    const own: Listener | undefined = listener === undefined ? undefined : (...args) => listener(...args)
    if (own !== undefined) entry.listeners.add(own)
    const subscription = this.whole(entry)
    subscription.acquire()
    let closed = false
    const close = (): void => {
      if (closed) return
      closed = true
      if (own !== undefined) entry.listeners.delete(own)
      subscription.release()
    }
    return { subscription, close }
  }

  close(error: Error): void {
    for (const name of this.#names.values()) {
      name.whole?.close(error)
      for (const subscription of name.byId.values()) subscription.close(error)
    }
    this.#names.clear()
  }

  #hostFor(entry: Name, lingering: number): SubscriptionHost {
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
        if (!told && subscription.isUsed) host.withdrawn(fromTransport(error))
      },
      idle: (subscription) => {
        const { id } = subscription.topic
        // May be told twice: what took its place meanwhile stays.
        if (entry.whole === subscription) entry.whole = undefined
        else if (id !== undefined && entry.byId.get(id) === subscription) entry.byId.delete(id)
        host.settled(entry)
        if (entry.isEmpty && this.#names.get(entry.name) === entry) this.#names.delete(entry.name)
      },
    }
  }

  #covered(entry: Name, { topic }: Subscription): Iterable<Pending> {
    if (topic.id !== undefined) return entry.pendingFor(topic.id)
    return this.#transport.routing === 'name' ? entry.allPending() : []
  }
}
