import type { Client, RedisRole } from './client'

/** Makes the clients that connections are made of. */
export interface Dialer {
  /** Makes a new client. Of what it throws or rejects with only our own refusals are shown: the rest may hold a secret. */
  dial(role: RedisRole): Client | Promise<Client>
  /** Asked of a client that has connected, before it is used; rejects if it will not do. */
  vet?(client: Client, place: string): Promise<void>
  /** Whether it is one of a Cluster's nodes, of which any will do. */
  isNode?(client: Client): boolean
}
