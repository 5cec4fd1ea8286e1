// The default export, because it is the one that ioredis-mock has too.
import Redis from 'ioredis'
import { InvalidArgumentError, UnsupportedError } from 'server-events'
import { isClient, isCluster } from './client'
import type { Client, RedisClient, RedisRole } from './client'
import { refuseUnknown, separate } from './options'
import type { Settings } from './options'

/**
 * Called at every connect and reconnect, so that credentials may rotate. Must give a new client
 * each time: the transport closes it when the connection is lost, or on `close`.
 */
export type RedisClientFactory = (role: RedisRole) => RedisClient | Promise<RedisClient>

/** Makes a new client; what it throws or rejects with is never shown, it may hold a secret. */
export type Dial = (role: RedisRole) => Client | Promise<Client>

/**
 * ioredis never repairs anything by itself: whatever it would send again, subscribe again or hold
 * for later escapes the promises made for it.
 */
const ours = {
  keyPrefix: '',
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: null,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  commandTimeout: undefined,
  lazyConnect: false,
  retryStrategy: (): null => null,
}

/** Without meaning for the user, because a client that is thrown away has lost its socket before. */
const silently = { disconnectTimeout: 0 }

/** @throws InvalidArgumentError, UnsupportedError (a Cluster) */
export function openSource(source: unknown, options: unknown = {}): { dial: Dial; settings: Settings } {
  if (typeof options !== 'object' || options === null) throw new InvalidArgumentError('options must be an object')
  if (typeof source === 'string') return fromUrl(source, options)
  if (typeof source === 'function') return fromFactory(source as RedisClientFactory, options)
  if (isClient(source)) return fromClient(source, options)
  if (typeof source === 'object' && source !== null && !Array.isArray(source)) return fromOptions(source, options)
  throw new InvalidArgumentError(
    'the source must be ioredis options, a redis:// or rediss:// URL, an ioredis client to duplicate, or a function that makes one',
  )
}

function fromOptions(source: object, options: object): { dial: Dial; settings: Settings } {
  if (Object.keys(options).length > 0)
    throw new InvalidArgumentError('with ioredis options as the source, our options belong among them')
  const { settings, rest } = separate(source)
  warnOfOverrides(overridden(rest))
  return { settings, dial: () => create({ ...rest, ...forced(settings, rest) }) }
}

function fromUrl(text: string, options: object): { dial: Dial; settings: Settings } {
  let url: URL | undefined
  try {
    url = new URL(text)
  } catch {
    // Its own error would show the URL, and with it the password.
  }
  // Of the text, because ioredis takes REDISS:// for a connection without TLS.
  if (!url?.hostname || !/^rediss?:\/\//.test(text))
    throw new InvalidArgumentError('the URL must begin with redis:// or rediss:// and name a host')
  const { settings, rest } = separate(options)
  const must = forced(settings, rest)
  // For ioredis the URL wins over options.
  const queried = Object.keys(must).filter((key) => url.searchParams.has(key))
  for (const key of queried) url.searchParams.delete(key)
  warnOfOverrides([...overridden(rest), ...queried])
  const address = queried.length === 0 ? text : url.href
  return { settings, dial: () => create(address, { ...rest, ...must }) }
}

function fromClient(source: RedisClient, options: object): { dial: Dial; settings: Settings } {
  if (isCluster(source)) throw clusterRefused()
  const { settings, rest } = separate(options)
  refuseUnknown(rest)
  const { options: theirs = {} } = source as unknown as Client
  warnOfOverrides(overridden(theirs).filter((key) => !isStandard(key, theirs[key])))
  const duplicate = source.duplicate.bind(source) as (options: object) => Client
  return { settings, dial: () => duplicate(forced(settings, theirs)) }
}

function fromFactory(factory: RedisClientFactory, options: object): { dial: Dial; settings: Settings } {
  const { settings, rest } = separate(options)
  refuseUnknown(rest)
  let warned = false
  return {
    settings,
    async dial(role) {
      const made: unknown = await factory(role)
      if (!isClient(made)) throw new InvalidArgumentError('the function did not give an ioredis client')
      if (isCluster(made)) throw clusterRefused()
      const client = made as unknown as Client
      const { options: theirs } = client
      if (theirs) {
        const harmful = ['keyPrefix', 'commandTimeout', 'enableAutoPipelining']
        if (!warned) warned = warnOfOverrides(overridden(theirs).filter((key) => harmful.includes(key)))
        Object.assign(theirs, ours)
      }
      return client
    },
  }
}

function clusterRefused(): UnsupportedError {
  return new UnsupportedError('this version of @server-events/redis does not work with a Redis Cluster')
}

function forced(settings: Settings, theirs: object): Record<string, unknown> {
  return {
    ...ours,
    ...silently,
    connectTimeout: settings.connectTimeout,
    // Else a planned failover leaves us on the old master for as long as it lives.
    ...('sentinels' in theirs && theirs.sentinels ? { failoverDetector: true } : {}),
  }
}

const create = (...args: readonly unknown[]): Client => Reflect.construct(Redis, args) as Client

/** Which options that we override are set to something else. */
function overridden(theirs: Record<string, unknown>): string[] {
  return Object.entries(ours).flatMap(([key, value]) =>
    theirs[key] === undefined || theirs[key] === value ? [] : [key],
  )
}

/** Whether a client has an option by default: then nobody asked for it. */
function isStandard(key: string, value: unknown): boolean {
  const standard =
    key === 'retryStrategy' ? new Redis({ lazyConnect: true }).options.retryStrategy : ioredisDefaults[key]
  // By its text, because the client may come from another copy of ioredis.
  return typeof value === 'function' ? String(value) === String(standard) : value === standard
}

const ioredisDefaults: Readonly<Record<string, unknown>> = {
  autoResubscribe: true,
  autoResendUnfulfilledCommands: true,
  maxRetriesPerRequest: 20,
  enableOfflineQueue: true,
}

function warnOfOverrides(names: readonly string[]): boolean {
  if (names.length === 0) return false
  process.emitWarning(`RedisTransport overrides ${names.join(', ')}: it repairs its connections itself`, {
    type: 'ServerEventsWarning',
    code: 'SERVER_EVENTS_REDIS_OPTIONS',
  })
  return true
}

/** Where a client connects to, for people; without credentials. */
export function placeOf({ options = {} }: Pick<Client, 'options'>): string {
  const { host, port, path, sentinels, name } = options
  if (sentinels) return `the sentinels' master ${String(name)}`
  if (typeof path === 'string') return path
  return typeof host === 'string' ? `${host}:${String(port)}` : 'an unknown address'
}
