import type { EventKey, Keeper, Message, Receiver, Topic, Transport } from 'server-events'
import { transportOf } from 'server-events/transport-kit'
import { NatsDriver } from './client/driver'
import { separate } from './options'
import type { NatsClientOptions, NatsTransportOptions } from './options'

/**
 * NATS through the client of the NATS project: a subject for each name and id, so that only those
 * servers hear an event that wait for it, and a JetStream key-value bucket for kept outcomes.
 * Publishing and subscribing share one connection, which is opened when it is first needed.
 */
export class NatsTransport implements Transport {
  readonly routing = 'id'
  readonly homes = true
  readonly questions = true
  readonly keeper?: Keeper
  readonly publishTimeout?: number | undefined
  readonly #transport: Transport

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
    const { settings, client, bounds } = separate(named ? { ...second, servers: first as unknown } : first)
    this.#transport = transportOf(new NatsDriver(client, settings), bounds)
    this.publishTimeout = this.#transport.publishTimeout
    if (this.#transport.keeper) this.keeper = this.#transport.keeper
  }

  attach(receiver: Receiver): void {
    this.#transport.attach(receiver)
  }

  connect(): Promise<void> {
    return this.#transport.connect()
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.#transport.publish(key, message)
  }

  subscribe(topic: Topic): Promise<void> {
    return this.#transport.subscribe(topic)
  }

  unsubscribe(topic: Topic): Promise<void> {
    return this.#transport.unsubscribe(topic)
  }

  close(): Promise<void> {
    return this.#transport.close()
  }
}
