import { ClosedError, InvalidArgumentError } from 'server-events'
import type { EventKey, Keeper, Message, Receiver, Store, Topic, Transport } from 'server-events'
import { MemoryHub } from './hub'
import { copyOf } from './messages'
import { Subscriber } from './subscriber'

export interface MemoryTransportOptions {
  /** Whom it hears: by default every transport of this process that names no hub either. */
  readonly hub?: MemoryHub
}

const defaultHub = new MemoryHub()

/** A transport within one process, with the semantics of those that cross a network. */
export class MemoryTransport implements Transport {
  readonly routing = 'name'
  readonly keeper: Keeper = {
    publish: (key, message, keepMs) => {
      const sent = copyOf(message)
      return this.#act('inputStore', () => {
        this.#hub.keep(key, sent, keepMs)
        this.#hub.publish(key, sent)
      })
    },
    recall: async (keys) => {
      try {
        return await this.#act('inputStore', () => keys.map((key) => this.#hub.recall(key)))
      } catch (error) {
        return keys.map(() => error as Error)
      }
    },
    forget: (key) => this.#act('inputStore', () => this.#hub.forget(key)),
  }

  readonly #hub: MemoryHub
  readonly #up = new Set<Store>()
  #subscriber: Subscriber | undefined
  #closed = false

  constructor(options: MemoryTransportOptions = {}) {
    this.#hub = hubOf(options) ?? defaultHub
  }

  attach(receiver: Receiver): void {
    if (this.#subscriber) {
      throw new InvalidArgumentError('this MemoryTransport has its ServerEvents already: make one for each')
    }
    this.#subscriber = new Subscriber(receiver)
  }

  async connect(): Promise<void> {
    await this.#act('inputStore', () => undefined)
  }

  publish(key: EventKey, message: Message): Promise<void> {
    const sent = copyOf(message)
    return this.#act('inputStore', () => this.#hub.publish(key, sent))
  }

  async subscribe(topic: Topic): Promise<void> {
    const subscriber = this.#subscriber
    if (!subscriber) throw new InvalidArgumentError('nobody would hear a subscription: attach a receiver first')
    subscriber.add(topic)
    await this.#act('outputStore', () => this.#hub.join(subscriber))
  }

  unsubscribe(topic: Topic): Promise<void> {
    this.#subscriber?.remove(topic)
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#closed = true
    if (this.#subscriber) this.#hub.leave(this.#subscriber)
    return Promise.resolve()
  }

  /**
   * Everything happens in a promise reaction of its own: never inside the call, in the order of the
   * calls and, unlike anything with a timer or `nextTick`, also under fake timers.
   */
  async #act<T>(store: Store, action: () => T): Promise<T> {
    await Promise.resolve()
    if (this.#closed) throw new ClosedError('this MemoryTransport is closed: make a new one')
    if (!this.#up.has(store)) {
      this.#up.add(store)
      this.#subscriber?.receiver.state(store, true)
    }
    return action()
  }
}

function hubOf(options: unknown): MemoryHub | undefined {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgumentError(`the options of MemoryTransport must be an object, not ${typeof options}`)
  }
  const { hub, ...others }: { readonly hub?: unknown } = options
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`MemoryTransport has no option ${JSON.stringify(unknown)}, only hub`)
  }
  if (hub === undefined || hub instanceof MemoryHub) return hub
  throw new InvalidArgumentError('option hub of MemoryTransport must be a MemoryHub')
}
