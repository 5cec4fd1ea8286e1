import { InvalidArgumentError } from 'server-events'
import type { EventKey, Keeper, Message, Receiver, Topic, Transport } from 'server-events'
import { Connection, patience } from './connection'
import { MemoryHub } from './hub'
import { copyOf } from './messages'
import { Subscriber } from './subscriber'

/** Options of `new MemoryTransport(options)`. Unknown ones are refused. */
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
      return this.#input.call(patience.publish, () => {
        this.#hub.keep(key, sent, keepMs)
        this.#hub.publish(key, sent)
      })
    },
    recall: async (keys) => {
      try {
        return await this.#input.call(patience.recall, () => keys.map((key) => this.#hub.recall(key)))
      } catch (error) {
        return keys.map(() => error as Error)
      }
    },
    forget: (key) => this.#input.call(patience.publish, () => this.#hub.forget(key)),
  }

  readonly #hub: MemoryHub
  readonly #input: Connection
  readonly #output: Connection
  #subscriber: Subscriber | undefined

  constructor(options: MemoryTransportOptions = {}) {
    this.#hub = hubOf(options) ?? defaultHub
    const receiver = (): Receiver | undefined => this.#subscriber?.receiver
    this.#input = new Connection('inputStore', this.#hub, receiver)
    this.#output = new Connection('outputStore', this.#hub, receiver)
  }

  attach(receiver: Receiver): void {
    if (this.#subscriber) {
      throw new InvalidArgumentError('this MemoryTransport has its ServerEvents already: make one for each')
    }
    this.#subscriber = new Subscriber(receiver, this.#output)
  }

  connect(): Promise<void> {
    return this.#input.call(patience.connect, () => undefined)
  }

  publish(key: EventKey, message: Message): Promise<void> {
    const sent = copyOf(message)
    return this.#input.call(patience.publish, () => this.#hub.publish(key, sent))
  }

  subscribe(topic: Topic): Promise<void> {
    const subscriber = this.#subscriber
    if (!subscriber) {
      return Promise.reject(new InvalidArgumentError('nobody would hear a subscription: attach a receiver first'))
    }
    subscriber.add(topic)
    return this.#output.call(patience.subscribe, () => this.#hub.join(subscriber))
  }

  unsubscribe(topic: Topic): Promise<void> {
    this.#subscriber?.remove(topic)
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#input.close()
    this.#output.close()
    if (this.#subscriber) this.#hub.leave(this.#subscriber)
    return Promise.resolve()
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
