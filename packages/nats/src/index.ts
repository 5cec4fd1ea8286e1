export type { NatsClientOptions, NatsTransportOptions } from './options'
