import { RedisTransport } from '@server-events/redis'
import { ServerEvents, UnsupportedError } from 'server-events'
import type { ServerEventsOptions, Transport } from 'server-events'
import { usage } from './exit'
import { note } from './output'
import { parseServerUrl } from './server-url'
import type { ServerUrl } from './server-url'

/** What all commands take: where the server is, and how the user's own processes speak to it. */
export interface Target {
  readonly url?: string
  readonly prefix?: string
  readonly channels?: 'pattern' | 'name' | 'id'
  readonly json?: boolean
  /** What happens beside the answer is not told. */
  readonly quiet?: boolean
}

/** How long an attempt to connect may take, in ms: somebody sits in front of it. */
const CONNECT_TIMEOUT = 4_000
/** How long all of them, so that the first one has told what ailed it. */
export const INIT_TIMEOUT = 5_000

/** @throws Exit (usage) */
export function serverOf({ url }: Target): ServerUrl {
  // Without a default: whoever forgets it would ask, or emit to, another server than they think.
  if (url === undefined || url === '')
    throw usage('which server? Give --url redis://host:6379, or set SERVER_EVENTS_URL')
  return parseServerUrl(url)
}

/** What ioredis is told for a connection to one server; the doctor dials with the same. */
export function redisOptions(server: ServerUrl, { host, port } = server.hosts[0]): RedisEndpoint {
  const { tls, username, password, db } = server
  return {
    host,
    port,
    db,
    connectTimeout: CONNECT_TIMEOUT,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} }),
  }
}

interface RedisEndpoint {
  readonly host: string
  readonly port: number
  readonly db: number
  readonly connectTimeout: number
  readonly username?: string
  readonly password?: string
  readonly tls?: object
}

/** @throws Exit (usage) if its package is not there, InvalidArgumentError for a bad option */
export async function openTransport(
  server: ServerUrl,
  { prefix, channels }: Target,
  keep: boolean,
): Promise<Transport> {
  switch (server.kind) {
    case 'redis':
      return new RedisTransport({ ...redisOptions(server), prefix, channels })
    case 'redis-cluster':
      return new RedisTransport({ ...redisOptions(server), cluster: server.hosts, prefix, channels })
    case 'nats': {
      if (channels !== undefined) throw usage('--channels is for Redis: NATS has a subject for each event')
      const { NatsTransport } = await optional('@server-events/nats', () => import('@server-events/nats'))
      const { hosts, tls, username: user, password: pass } = server
      const servers = hosts.map(({ host, port }) => `${tls ? 'tls' : 'nats'}://${host}:${port}`)
      // Without outcomes it needs no JetStream.
      const bucket = keep ? undefined : false
      return new NatsTransport(servers, { timeout: CONNECT_TIMEOUT, prefix, bucket, ...natsCredentials(user, pass) })
    }
    case 'postgres': {
      if (channels !== undefined) throw usage('--channels is for Redis: PostgreSQL has a channel for each name')
      const { PostgresTransport } = await optional('@server-events/postgres', () => import('@server-events/postgres'))
      const { hosts, tls, username, password, database } = server
      const address = { ...hosts[0], user: username, password, database, ssl: tls }
      // Without outcomes it needs no table.
      return new PostgresTransport(address, {
        connectTimeout: CONNECT_TIMEOUT,
        prefix,
        table: keep ? undefined : false,
      })
    }
  }
}

/** A user name alone is a token, as in every NATS URL. */
function natsCredentials(user: string | undefined, pass: string | undefined): object {
  if (user === undefined) return {}
  return pass === undefined ? { token: user } : { user, pass }
}

/**
 * Connects, runs the command and closes, however it ends.
 *
 * Rejects with what `init` or the command rejects with: a server that cannot be reached is told within seconds,
 * instead of by a wait that nothing could have answered.
 */
export async function withEvents<T>(
  target: Target,
  options: ServerEventsOptions<Record<string, unknown[]>>,
  run: (events: ServerEvents) => Promise<T>,
): Promise<T> {
  const transport = await openTransport(serverOf(target), target, options.keep !== undefined)
  const events = new ServerEvents(transport, {
    initTimeout: INIT_TIMEOUT,
    ...options,
  })
  const told = new Set<string>()
  let connected = false
  events.onerror((store, error) => {
    const { message } = error
    // What `init` and the command reject with is told once, at the end. That an event comes unkept is no news to who
    // only looks whether it is.
    const unkept = store === 'outputStore' && error instanceof UnsupportedError
    if (!connected || unkept || target.quiet || told.has(message)) return
    told.add(message)
    note(message)
  })
  try {
    await events.init()
    connected = true
    return await run(events as ServerEvents)
  } finally {
    await events.close()
  }
}

/** Loads what is installed only by those who need it. */
async function optional<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error
    // Both, for what npx has fetched finds nothing in the folder that it is called in.
    throw usage(`this URL needs ${name} installed beside: npm install @server-events/cli ${name}`)
  }
}
