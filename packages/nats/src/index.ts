/**
 * The transport over NATS.
 *
 * @module @server-events/nats
 */

export type { NatsClientOptions, NatsTransportOptions } from './options'
export { NatsTransport } from './nats-transport'
