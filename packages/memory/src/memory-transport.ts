import { InvalidArgumentError } from 'server-events'
import type { EventKey, Keeper, Message, Receiver, Topic, Transport } from 'server-events'
import { alreadySettled } from 'server-events/transport-kit'
import { Connection, patience } from './connection'
import { MemoryHub } from './hub'
import { copyOf } from './messages'
import { Subscriber } from './subscriber'

/** Options of `new MemoryTransport(options)`. Unknown ones are refused. */
export interface MemoryTransportOptions {
  /** Whom it hears: by default every transport of this process that names no hub either. */
  readonly hub?: MemoryHub | undefined
  /**
   * What waits subscribe: `'name'`, the default, all of their name; `'id'` only what they wait for,
   * with homes, as Redis does with `channels: 'id'` and NATS does.
   */
  readonly routing?: 'name' | 'id' | undefined
}

const defaultHub = new MemoryHub()

/** A transport within one process, with the semantics of those that cross a network. */
export class MemoryTransport implements Transport {
  readonly routing: 'name' | 'id'
  /** With `routing: 'id'`. */
  readonly homes: boolean
  readonly questions = true
  readonly publishTimeout = patience.publish
  readonly keeper: Keeper = {
    once: true,
    publish: (key, message, keepMs, once) => {
      const sent = copyOf(message)
      const published = this.#input.call(patience.publish, () => {
        const held = this.#hub.keep(key, sent, keepMs, once)
        this.#hub.publish(key, held ?? sent)
        return held && once?.(held) === 'other'
      })
      return once ? refusing(published, key) : (published as Promise<unknown> as Promise<void>)
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
    const { hub = defaultHub, routing = 'name' } = checked(options)
    this.#hub = hub
    this.routing = routing
    this.homes = routing === 'id'
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
    const wish = subscriber.desire(topic)
    return this.#output.call(patience.subscribe, () => {
      wish.confirmed = true
      this.#hub.join(subscriber)
    })
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

/** Rejects if another outcome holds. */
async function refusing(published: Promise<boolean | undefined>, key: EventKey): Promise<void> {
  if (await published) throw alreadySettled(key)
}

function checked(options: unknown): MemoryTransportOptions {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgumentError(`the options of MemoryTransport must be an object, not ${typeof options}`)
  }
  const { hub, routing, ...others }: { readonly hub?: unknown; readonly routing?: unknown } = options
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`MemoryTransport has no option ${JSON.stringify(unknown)}, only hub and routing`)
  }
  if (hub !== undefined && !(hub instanceof MemoryHub))
    throw new InvalidArgumentError('option hub of MemoryTransport must be a MemoryHub')
  if (routing !== undefined && routing !== 'name' && routing !== 'id')
    throw new InvalidArgumentError("option routing of MemoryTransport must be 'name' or 'id'")
  return { hub, routing }
}
