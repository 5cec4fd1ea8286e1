// The default export, because it is the one that ioredis-mock has too.
import Redis from 'ioredis'
import type { Client } from './client'
import type { Settings } from '../options'

/**
 * ioredis never repairs anything by itself: whatever it would send again, subscribe again or hold
 * for later escapes the promises made for it.
 */
export const ours = {
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

export const create = (...args: readonly unknown[]): Client => Reflect.construct(Redis, args) as Client

export function forced(settings: Settings, theirs: Record<string, unknown>): Record<string, unknown> {
  return { ...ours, ...silently, connectTimeout: settings.connectTimeout, ...forSentinel(settings, theirs) }
}

const reconnectSentinel = (): number => Math.round(500 + Math.random() * 500)

/** Every client begins with the next Sentinel: ioredis asks from the first on, and that one may be frozen or mistaken. */
let turn = 0

function forSentinel({ connectTimeout }: Settings, theirs: Record<string, unknown>): Record<string, unknown> {
  const { sentinels, sentinelCommandTimeout, sentinelReconnectStrategy } = theirs
  if (!Array.isArray(sentinels) || sentinels.length === 0) return {}
  const first = turn++ % sentinels.length
  return {
    sentinels: [...(sentinels as unknown[]).slice(first), ...(sentinels as unknown[]).slice(0, first)],
    // Else one that is frozen takes all the time there is to connect.
    sentinelCommandTimeout: sentinelCommandTimeout ?? Math.ceil(connectTimeout / (sentinels.length + 1)),
    // Else a Sentinel that was away tells no failover any more. With jitter, as all processes lose it at once.
    sentinelReconnectStrategy: sentinelReconnectStrategy ?? reconnectSentinel,
    // What is published on a replica reaches its own subscribers only.
    role: 'master',
    // Else a planned failover leaves us on the old master for as long as it lives.
    failoverDetector: true,
  }
}

/** What a client of a function gets of it, which is made already. */
export function lateForSentinel(theirs: Record<string, unknown>): Record<string, unknown> {
  if (!theirs['sentinels']) return {}
  return {
    failoverDetector: true,
    sentinelReconnectStrategy: theirs['sentinelReconnectStrategy'] ?? reconnectSentinel,
  }
}

/** Which options that we override are set to something else. */
export function overridden(theirs: Record<string, unknown>): string[] {
  const all = Object.entries(theirs['sentinels'] ? { ...ours, role: 'master' } : ours)
  return all.flatMap(([key, value]) => (theirs[key] === undefined || theirs[key] === value ? [] : [key]))
}

/** Whether a client has an option by default: then nobody asked for it. */
export function isStandard(key: string, value: unknown): boolean {
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

export function warnOfOverrides(names: readonly string[]): boolean {
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
