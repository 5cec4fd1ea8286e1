import type { RedisOptions } from 'ioredis'
import { InvalidArgumentError } from 'server-events'
import type { EventKey, Keeper, Message, Receiver, Topic, Transport } from 'server-events'
import type { RedisClient } from './client'
import { ClusterStore } from './cluster-store'
import { dialectOf } from './dialect'
import type { RedisTransportOptions } from './options'
import { Publisher } from './publisher'
import { Recaller } from './recaller'
import { openSource } from './source'
import type { RedisClientFactory, RedisClusterNodes, Source } from './source'
import { sameServer } from './store'
import { Subscriber } from './subscriber'

interface Sides {
  readonly publisher: Publisher
  readonly subscriber: Subscriber
  readonly recaller: Recaller
  readonly clusterStore: ClusterStore | undefined
}

/**
 * Redis pub/sub through ioredis 5.11 or 6: a single server, Valkey, the master that Sentinels name,
 * or a Cluster. Opens two connections, each when it is first needed, and repairs them itself; where
 * outcomes are kept in a Cluster, one more to each master.
 */
export class RedisTransport implements Transport {
  /** 'id' with `channels: 'id'`. */
  readonly routing: 'name' | 'id'
  readonly keeper: Keeper = {
    publish: (key, message, keepMs) => this.attached.publisher.keep(key, message, keepMs),
    recall: (keys) => this.attached.recaller.recall(keys),
    forget: (key) => this.attached.publisher.forget(key),
  }
  private readonly source: Source
  private sides: Sides | undefined
  private closing: Promise<void> | undefined

  /**
   * @param options options of ioredis, with ours among them
   * @throws InvalidArgumentError
   */
  constructor(options: RedisOptions & RedisTransportOptions & RedisClusterNodes)
  /**
   * @param url `redis://` or, for TLS, `rediss://`
   * @param options ours, and those of ioredis; what the URL says wins over them
   * @throws InvalidArgumentError
   */
  constructor(url: string, options?: RedisOptions & RedisTransportOptions)
  /**
   * @param source a client or a Cluster to connect like, which is itself neither used nor closed;
   *   or a function that makes a new one, called at every connect and reconnect
   * @param options ours only
   * @throws InvalidArgumentError, UnsupportedError
   */
  constructor(source: RedisClient | RedisClientFactory, options?: RedisTransportOptions)
  constructor(source: unknown, options?: object) {
    this.source = openSource(source, options)
    this.routing = this.source.settings.channels === 'id' ? 'id' : 'name'
  }

  attach(receiver: Receiver): void {
    if (this.sides) throw new InvalidArgumentError('this RedisTransport serves another ServerEvents: make a new one')
    const { source } = this
    const { settings, cluster } = source
    const dialect = dialectOf(settings)
    const clusterStore = cluster && new ClusterStore(cluster, settings, receiver)
    const publisher = new Publisher(source, settings, dialect, receiver, ({ client }) =>
      clusterStore && cluster.made(client) ? clusterStore : sameServer,
    )
    this.sides = {
      publisher,
      subscriber: new Subscriber(source, settings, dialect, receiver),
      recaller: new Recaller(publisher, settings.prefix, receiver),
      clusterStore,
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
    const { publisher, subscriber, clusterStore } = this.sides
    await Promise.all([publisher.close(), subscriber.close(), clusterStore?.close()])
  }

  private get attached(): Sides {
    if (!this.sides) throw new InvalidArgumentError('attach a receiver first: give the transport to a ServerEvents')
    return this.sides
  }
}
