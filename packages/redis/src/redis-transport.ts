import type { RedisOptions } from 'ioredis'
import { InvalidArgumentError } from 'server-events'
import type { EventKey, Keeper, Message, Receiver, Topic, Transport } from 'server-events'
import type { RedisClient } from './client'
import { dialectOf } from './dialect'
import type { RedisTransportOptions, Settings } from './options'
import { Publisher } from './publisher'
import { Recaller } from './recaller'
import { openSource } from './source'
import type { Dial, RedisClientFactory } from './source'
import { Subscriber } from './subscriber'

interface Sides {
  readonly publisher: Publisher
  readonly subscriber: Subscriber
  readonly recaller: Recaller
}

/**
 * Redis pub/sub through ioredis 5.11 or 6: a single server, Valkey, or the master that Sentinels
 * name. Opens at most two connections, each when it is first needed, and repairs them itself.
 */
export class RedisTransport implements Transport {
  readonly routing = 'name'
  readonly keeper: Keeper = {
    publish: (key, message, keepMs) => this.attached.publisher.keep(key, message, keepMs),
    recall: (keys) => this.attached.recaller.recall(keys),
    forget: (key) => this.attached.publisher.forget(key),
  }
  private readonly dial: Dial
  private readonly settings: Settings
  private sides: Sides | undefined
  private closing: Promise<void> | undefined

  /**
   * @param options options of ioredis, with ours among them
   * @throws InvalidArgumentError
   */
  constructor(options: RedisOptions & RedisTransportOptions)
  /**
   * @param url `redis://` or, for TLS, `rediss://`
   * @param options ours, and those of ioredis; what the URL says wins over them
   * @throws InvalidArgumentError
   */
  constructor(url: string, options?: RedisOptions & RedisTransportOptions)
  /**
   * @param source a client to duplicate, which is itself neither used nor closed; or a function
   *   that makes a new client, called at every connect and reconnect
   * @param options ours only
   * @throws InvalidArgumentError, UnsupportedError for a Cluster
   */
  constructor(source: RedisClient | RedisClientFactory, options?: RedisTransportOptions)
  constructor(source: unknown, options?: object) {
    const { dial, settings } = openSource(source, options)
    this.dial = dial
    this.settings = settings
  }

  attach(receiver: Receiver): void {
    if (this.sides) throw new InvalidArgumentError('this RedisTransport serves another ServerEvents: make a new one')
    const { dial, settings } = this
    const dialect = dialectOf(settings)
    const publisher = new Publisher(dial, settings, dialect, receiver)
    this.sides = {
      publisher,
      subscriber: new Subscriber(dial, settings, dialect, receiver),
      recaller: new Recaller(publisher, settings.prefix, receiver),
    }
  }

  async connect(): Promise<void> {
    return this.attached.publisher.connect()
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.attached.publisher.publish(key, message)
  }

  subscribe(topic: Topic): Promise<void> {
    return this.attached.subscriber.subscribe(topic)
  }

  unsubscribe(topic: Topic): Promise<void> {
    return this.attached.subscriber.unsubscribe(topic)
  }

  close(): Promise<void> {
    this.closing ??= this.shut()
    return this.closing
  }

  private async shut(): Promise<void> {
    if (!this.sides) return
    const { publisher, subscriber } = this.sides
    await Promise.all([publisher.close(), subscriber.close()])
  }

  private get attached(): Sides {
    if (!this.sides) throw new InvalidArgumentError('attach a receiver first: give the transport to a ServerEvents')
    return this.sides
  }
}
