import type { StoredOutcome } from './key'
import type { Connection } from '../client/link'

/** Whether what a write is for is still waited for; asked before every time it is written. */
export type Wanted = () => boolean

/** What a write is for, and what is told of it where it may take several tries. */
export interface Trial {
  readonly wanted: Wanted
  /** It leaves, and may be executed from now on. */
  written(): void
  /** It was answered with this code, and not executed. */
  refused(code: string): void
}

/** Where kept outcomes are: on the server that is published to or, in a Cluster, on the master of each key. */
export interface OutcomeStore {
  /** One server executes in the order of writing: what is published behind a SET was stored before it. */
  readonly inOrder: boolean
  /** Where it is not: a number that changes while something is heard of a key's server, which owes an answer. */
  heard?(key: string): number
  set(connection: Connection, kept: StoredOutcome, trial: Trial): Promise<unknown>
  /** Stores it if nothing is stored under its key; resolves with something true if it did. */
  add(connection: Connection, outcome: StoredOutcome, trial: Trial): Promise<unknown>
  /** Stores it instead of this value, if that is still what is stored; resolves with something true if it did. */
  replace(connection: Connection, outcome: StoredOutcome, value: Buffer, trial: Trial): Promise<unknown>
  del(connection: Connection, key: string, wanted: Wanted): Promise<unknown>
  get(connection: Connection, key: string, wanted: Wanted): Promise<string | null>
  /** As it is: what is no UTF-8 is no longer itself as a text. */
  bytes(connection: Connection, key: string, wanted: Wanted): Promise<Buffer | null>
}

/** There is no command for it in the servers that are supported. */
const REPLACE = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])`

export function add({ client }: Pick<Connection, 'client'>, { key, value, ms }: StoredOutcome): Promise<unknown> {
  return client.set(key, value, 'PX', ms, 'NX')
}

export function replace(
  { client }: Pick<Connection, 'client'>,
  { key, value, ms }: StoredOutcome,
  before: Buffer,
): Promise<unknown> {
  return client.eval(REPLACE, 1, key, before, value, ms)
}

export const sameServer: OutcomeStore = {
  inOrder: true,
  set: ({ client }, { key, value, ms }) => client.set(key, value, 'PX', ms),
  add,
  replace,
  del: ({ client }, key) => client.del(key),
  get: ({ client }, key) => client.get(key),
  bytes: ({ client }, key) => client.getBuffer(key),
}
