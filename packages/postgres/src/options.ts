import type { ClientConfig } from 'pg'
import { InvalidArgumentError } from 'server-events'
import { boundsChecks, boundsDefaults, integer, separate as separated } from 'server-events/transport-kit'
import type { Bounds, Check, Filled } from 'server-events/transport-kit'
import { checkTable } from './table-name'

/** What this transport has to decide for itself. */
type Reserved =
  'Promise' | 'connectionTimeoutMillis' | 'keepAlive' | 'pipeline' | 'query_timeout' | 'queryMode' | 'stream' | 'types'

/**
 * Options of a client of `pg` that are passed on: `connectionString`, `host`, `port`, `database`,
 * `user`, `password` (also a function), `ssl`, `application_name` and the like. What is missing
 * comes from the environment (`PGHOST` and its like), as ever with `pg`.
 */
export type PostgresClientOptions = Omit<ClientConfig, Reserved>

/** Options of this package. Durations are integer milliseconds. */
export interface PostgresTransportOptions extends Bounds {
  /**
   * Before the name of every channel, and in every key of kept outcomes; `'se'` by default. Any text
   * of at most 64 characters. All processes that are to hear each other need the same.
   */
  readonly prefix?: string | undefined
  /**
   * The table of kept outcomes, with or without a schema; `'server_events_outcomes'` by default.
   * `postgresMigration` gives the SQL that makes it. `false`: this transport keeps nothing.
   */
  readonly table?: string | false | undefined
  /**
   * How often what has expired is removed from the table, in ms; 60,000 by default. 0 is for
   * processes that may not delete: somebody else has to.
   */
  readonly sweep?: number | undefined
  /**
   * The connection that listens, if it has to be another one than that of the first argument: a
   * direct one where that goes through a pooler. LISTEN is lost behind pgbouncer in transaction mode.
   */
  readonly listen?: string | PostgresClientOptions | undefined
}

/** What the driver has to know. */
export interface Settings {
  readonly prefix: string
  readonly table: string | false
  readonly sweep: number
  readonly publishing: PostgresClientOptions
  readonly listening: PostgresClientOptions
}

/** A literal record, so that a name that is missing here or too many does not compile. */
const reserved: Record<Reserved, string> = {
  Promise: 'promises are those of the language',
  connectionTimeoutMillis: 'use option connectTimeout of the second argument',
  keepAlive: 'it is on',
  pipeline: 'a connection has one statement at a time',
  query_timeout: 'use options publishTimeout and subscribeTimeout of the second argument',
  queryMode: 'it is chosen for each statement',
  stream: 'the sockets are our own',
  types: 'results are read by this transport alone',
}

const checks: { readonly [K in keyof PostgresTransportOptions]-?: Check } = {
  ...boundsChecks,
  prefix: (value) =>
    typeof value === 'string' && value !== '' && value.length <= 64 && value.isWellFormed()
      ? undefined
      : 'a text of 1 to 64 characters',
  table: (value) => (value === false ? undefined : checkTable(value)),
  sweep: integer(0, 'ms'),
  // What is wrong with it is said where it is read: the message must not repeat it.
  listen: () => undefined,
}

const defaults = { ...boundsDefaults, prefix: 'se', table: 'server_events_outcomes', sweep: 60_000 }

/**
 * Checks both arguments. What is `undefined` takes its default.
 * @throws InvalidArgumentError
 */
export function separate(config: unknown, options: unknown): { settings: Settings; bounds: Bounds } {
  const { settings, rest } = separated<PostgresTransportOptions>('PostgresTransport', options, checks, defaults)
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined)
    throw new InvalidArgumentError(`unknown option ${unknown}: options of the client belong into the first argument`)
  const { prefix, table, sweep, listen, ...bounds } = settings as Filled<Omit<PostgresTransportOptions, 'listen'>> &
    Pick<PostgresTransportOptions, 'listen'>
  const publishing = clientOptions('the first argument', config)
  const listening = listen === undefined ? publishing : clientOptions('option listen', listen)
  return { settings: { prefix, table, sweep, publishing, listening }, bounds }
}

function clientOptions(what: string, config: unknown): PostgresClientOptions {
  // Without what was given in the messages: it may hold the password.
  if (typeof config === 'string') {
    if (/^postgres(ql)?:\/\//.test(config)) return { connectionString: checkedUrl(what, config) }
    throw new InvalidArgumentError(`${what} must begin with postgres:// if it is a string`)
  }
  if (typeof config !== 'object' || config === null)
    throw new InvalidArgumentError(`${what} must be postgres://host:port/database, or options of a client of pg`)
  for (const key of Object.keys(config))
    if (Object.hasOwn(reserved, key))
      throw new InvalidArgumentError(`option ${key} is not yours to give: ${reserved[key as Reserved]}`)
  const { connectionString } = config as PostgresClientOptions
  if (typeof connectionString === 'string') checkedUrl(`connectionString of ${what}`, connectionString)
  return { ...config }
}

/** A password with a `/` that is not encoded would be taken for host and port, which errors tell. */
function checkedUrl(what: string, url: string): string {
  if (!/^[^:]*:\/\/[^/?#]*[/?#].*@/s.test(url)) return url
  throw new InvalidArgumentError(
    `${what} has an @ behind its host: in user, password and all that follows write @ as %40, / as %2F, ? as %3F, # as %23`,
  )
}
