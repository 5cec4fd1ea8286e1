import { InvalidArgumentError } from 'server-events'
import type { EventKey, Keeper, Message, Receiver, Topic, Transport } from 'server-events'
import { Bucket } from './bucket'
import { BucketKeeper } from './keeper'
import { Link } from './link'
import { separate } from './options'
import type { NatsClientOptions, NatsTransportOptions, Settings } from './options'
import { Publisher } from './publisher'
import { Subscriber } from './subscriber'

interface Sides {
  readonly link: Link
  readonly publisher: Publisher
  readonly subscriber: Subscriber
  readonly keeper: Keeper | undefined
}

/**
 * NATS through the client of the NATS project: a subject for each name and id, so that only those
 * servers hear an event that wait for it, and a JetStream key-value bucket for kept outcomes.
 * Publishing and subscribing share one connection, which is opened when it is first needed.
 */
export class NatsTransport implements Transport {
  readonly routing = 'id'
  readonly keeper?: Keeper
  private readonly settings: Settings
  private readonly client: NatsClientOptions
  private sides: Sides | undefined
  private closing: Promise<void> | undefined

  /**
   * @param options options of the client, with ours among them; `servers` is 127.0.0.1:4222 by default
   * @throws InvalidArgumentError
   */
  constructor(options?: NatsClientOptions & NatsTransportOptions)
  /**
   * @param servers `nats://host:port` or, for TLS, `tls://host:port`; several for a cluster
   * @param options as above, without servers
   * @throws InvalidArgumentError
   */
  constructor(servers: string | string[], options?: Omit<NatsClientOptions, 'servers' | 'port'> & NatsTransportOptions)
  constructor(first: unknown = {}, second: object = {}) {
    const named = typeof first === 'string' || Array.isArray(first)
    const { settings, client } = separate(named ? { ...second, servers: first as unknown } : first)
    this.settings = settings
    this.client = client
    if (settings.bucket === false) return
    this.keeper = {
      publish: (key, message, keepMs) => this.kept.publish(key, message, keepMs),
      recall: (keys) => this.kept.recall(keys),
      forget: (key) => this.kept.forget(key),
    }
  }

  attach(receiver: Receiver): void {
    if (this.sides) throw new InvalidArgumentError('this NatsTransport serves another ServerEvents: make a new one')
    const { settings } = this
    const link = new Link(this.client, settings.heartbeat)
    const bucket = settings.bucket === false ? undefined : new Bucket(settings.bucket, settings)
    const publisher = new Publisher(link, settings, bucket, receiver)
    const subscriber = new Subscriber(link, settings, receiver)
    const keeper = bucket && new BucketKeeper(link, publisher, bucket, settings)
    this.sides = { link, publisher, subscriber, keeper }
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
    const { link, publisher, subscriber } = this.sides
    publisher.close()
    subscriber.close()
    await link.close()
  }

  private get attached(): Sides {
    if (!this.sides) throw new InvalidArgumentError('attach a receiver first: give the transport to a ServerEvents')
    return this.sides
  }

  private get kept(): Keeper {
    return this.attached.keeper as Keeper
  }
}
