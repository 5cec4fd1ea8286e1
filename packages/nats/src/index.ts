export type { NatsClientOptions, NatsTransportOptions } from './options'
export { NatsTransport } from './nats-transport'
