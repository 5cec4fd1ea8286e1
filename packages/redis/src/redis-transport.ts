import type { RedisOptions } from 'ioredis'
import { InvalidArgumentError } from 'server-events'
import type { EventKey, Keeper, Message, Receiver, Topic, Transport } from 'server-events'
import type { RedisClient } from './client/client'
import type { Connection } from './client/link'
import { RoleWatch } from './client/role-watch'
import { ClusterOutcomeStore } from './cluster/outcome-store'
import { modesOf } from './wire/modes'
import type { RedisTransportOptions } from './options'
import { Publisher } from './publish/publisher'
import { Recaller } from './outcomes/recaller'
import { openSource } from './source'
import type { RedisClientFactory, RedisClusterNodes, Source } from './source'
import { sameServer } from './outcomes/store'
import type { OutcomeStore } from './outcomes/store'
import { Subscriber } from './subscribe/subscriber'

interface Sides {
  readonly publisher: Publisher
  readonly subscriber: Subscriber
  readonly recaller: Recaller
  readonly clusterStore: ClusterOutcomeStore | undefined
  readonly roles: RoleWatch
}

/** Options of ioredis; `undefined` is as good as none, also under exactOptionalPropertyTypes. */
type ClientOptions = { [K in keyof RedisOptions]: RedisOptions[K] | undefined }

/**
 * Redis pub/sub through ioredis 5.11 or 6: a single server, Valkey, the master that Sentinels name,
 * or a Cluster. Opens two connections, each when it is first needed, and repairs them itself; where
 * outcomes are kept in a Cluster, one more to each master.
 */
export class RedisTransport implements Transport {
  /** 'id' with `channels: 'id'`. */
  readonly routing: 'name' | 'id'
  /** With `channels: 'id'` and `'name'`; a pattern hears them as it is. */
  readonly homes: boolean
  readonly questions = true
  readonly publishTimeout: number
  readonly keeper: Keeper
  readonly #source: Source
  #sides: Sides | undefined
  #closing: Promise<void> | undefined

  /**
   * @param options options of ioredis, with ours among them
   * @throws InvalidArgumentError
   */
  constructor(options: ClientOptions & RedisTransportOptions & RedisClusterNodes)
  /**
   * @param url `redis://` or, for TLS, `rediss://`
   * @param options ours, and those of ioredis; what the URL says wins over them
   * @throws InvalidArgumentError
   */
  constructor(url: string, options?: ClientOptions & RedisTransportOptions)
  /**
   * @param source a client or a Cluster to connect like, which is itself neither used nor closed;
   *   or a function that makes a new one, called at every connect and reconnect
   * @param options ours only
   * @throws InvalidArgumentError, UnsupportedError
   */
  constructor(source: RedisClient | RedisClientFactory, options?: RedisTransportOptions)
  constructor(source: unknown, options?: object) {
    this.#source = openSource(source, options)
    const { channels } = this.#source.settings
    this.homes = channels !== 'pattern'
    this.routing = channels === 'id' ? 'id' : 'name'
    this.publishTimeout = this.#source.settings.publishTimeout
    this.keeper = {
      // Peers of 1.x could not be told what holds.
      ...(this.#source.settings.wire !== '1.x' && { once: true }),
      publish: (...args) => this.#attached.publisher.keep(...args),
      recall: (keys) => this.#attached.recaller.recall(keys),
      forget: (key) => this.#attached.publisher.forget(key),
    }
  }

  attach(receiver: Receiver): void {
    if (this.#sides) throw new InvalidArgumentError('this RedisTransport serves another ServerEvents: make a new one')
    const source = this.#source
    const { settings, cluster } = source
    const dialect = modesOf(settings)
    const clusterStore = cluster && new ClusterOutcomeStore(cluster, settings, receiver)
    const roles = new RoleWatch(settings.heartbeat, settings.connectTimeout, {
      blind: (role, error) => receiver.error(role === 'publish' ? 'inputStore' : 'outputStore', error),
    })
    const storeOf = ({ client }: Connection): OutcomeStore =>
      clusterStore && cluster.made(client) ? clusterStore : sameServer
    const publisher = new Publisher(source, settings, dialect, receiver, storeOf, roles, cluster !== undefined)
    this.#sides = {
      publisher,
      subscriber: new Subscriber(source, settings, dialect, receiver, roles),
      roles,
      recaller: new Recaller(publisher, settings.prefix, receiver),
      clusterStore,
    }
  }

  async connect(): Promise<void> {
    return this.#attached.publisher.connect()
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.#attached.publisher.publish(key, message)
  }

  subscribe(topic: Topic): Promise<void> {
    return this.#attached.subscriber.subscribe(topic)
  }

  unsubscribe(topic: Topic): Promise<void> {
    return this.#attached.subscriber.unsubscribe(topic)
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  async #shut(): Promise<void> {
    if (!this.#sides) return
    const { publisher, subscriber, clusterStore, roles } = this.#sides
    roles.close()
    await Promise.all([publisher.close(), subscriber.close(), clusterStore?.close()])
  }

  get #attached(): Sides {
    if (!this.#sides) throw new InvalidArgumentError('attach a receiver first: give the transport to a ServerEvents')
    return this.#sides
  }
}
