import type { ConnectionOptions } from '@nats-io/transport-node'
import { InvalidArgumentError } from 'server-events'
import { boundsChecks, boundsDefaults, integer, separate as separated } from 'server-events/transport-kit'
import type { Bounds, Check, Filled } from 'server-events/transport-kit'
import { quoted } from './errors'

/** What this transport has to decide for itself: its repair, its heartbeat, and that it hears itself. */
type Reserved =
  | 'ignoreAuthErrorAbort'
  | 'maxPingOut'
  | 'maxReconnectAttempts'
  | 'noEcho'
  | 'pingInterval'
  | 'reconnect'
  | 'reconnectDelayHandler'
  | 'reconnectJitter'
  | 'reconnectJitterTLS'
  | 'reconnectTimeWait'
  | 'waitOnFirstConnect'

type Passed = Omit<ConnectionOptions, Reserved>

/**
 * Options of the NATS client that are passed on: `servers`, `user` and `pass`, `token`,
 * `authenticator`, `tls`, `name` and the like; `undefined` is as good as none. `timeout`, which
 * bounds an attempt to connect, is 10,000 ms here unless given.
 */
export type NatsClientOptions = { [K in keyof Passed]: Passed[K] | undefined }

/** Options of this package. Durations are integer milliseconds. */
export interface NatsTransportOptions extends Omit<Bounds, 'connectTimeout'> {
  /**
   * Before every subject, and before every key of kept outcomes; `'se'` by default. One or more
   * tokens of letters, digits, `-`, `_` and `/`, separated by dots, at most 64 characters. All
   * processes that are to hear each other need the same.
   */
  readonly prefix?: string | undefined
  /**
   * The JetStream key-value bucket of kept outcomes; by default the prefix with `_kept` behind it,
   * dots replaced. It is created when it is first needed, unless it is there. `false` is for
   * servers without JetStream: this transport then has no keeper.
   */
  readonly bucket?: string | false | undefined
  /**
   * How long the bucket keeps anything at all, in ms, if this transport creates it; a day by
   * default. No outcome can be kept for longer.
   */
  readonly maxKeep?: number | undefined
}

/** What the driver has to know. */
export type Settings = Pick<Filled<NatsTransportOptions>, 'prefix' | 'bucket' | 'maxKeep'>

type Ours = NatsTransportOptions & { readonly timeout?: number | undefined }

/** Its default depends on the prefix. */
type WithoutBucket = Omit<Filled<Ours>, 'bucket'> & Pick<NatsTransportOptions, 'bucket'>

const MAX_TIMER = 2 ** 31 - 1

const { connectTimeout: CONNECT_TIMEOUT, ...ownDefaults } = boundsDefaults

const { connectTimeout: checkTimeout, ...ownChecks } = boundsChecks

const checks: { readonly [K in keyof Ours]-?: Check } = {
  ...ownChecks,
  prefix: (value) =>
    typeof value === 'string' && value.length <= 64 && /^[-/\w]+(\.[-/\w]+)*$/.test(value)
      ? undefined
      : 'of letters, digits, "-", "_" and "/", tokens separated by dots, at most 64 characters',
  bucket: (value) =>
    value === false || (typeof value === 'string' && value.length <= 64 && /^[-\w]+$/.test(value))
      ? undefined
      : 'false, or of letters, digits, "-" and "_", at most 64 characters',
  maxKeep: integer(1_000, 'ms'),
  timeout: checkTimeout,
}

/** A literal record, so that a name that is missing here or too many does not compile. */
const reserved: Record<Reserved, string> = {
  ignoreAuthErrorAbort: 'credentials refused after a first success are always tried again',
  maxPingOut: 'use option heartbeat',
  maxReconnectAttempts: 'the connection is repaired for as long as the transport is open',
  noEcho: 'a transport hears its own messages',
  pingInterval: 'use option heartbeat',
  reconnect: 'the connection is repaired for as long as the transport is open',
  reconnectDelayHandler: 'attempts are spread from 50 ms to 2 s',
  reconnectJitter: 'attempts are spread from 50 ms to 2 s',
  reconnectJitterTLS: 'attempts are spread from 50 ms to 2 s',
  reconnectTimeWait: 'attempts are spread from 50 ms to 2 s',
  waitOnFirstConnect: 'the first connection is tried for until it stands',
}

/**
 * Tells our options from those of the client, and checks ours. What is `undefined` takes its default.
 * @throws InvalidArgumentError
 */
export function separate(options: unknown): { settings: Settings; bounds: Bounds; client: Passed } {
  const defaults = { ...ownDefaults, prefix: 'se', maxKeep: 86_400_000, timeout: CONNECT_TIMEOUT }
  const { settings, rest } = separated<Ours>('NatsTransport', options, checks, defaults)
  for (const key of Object.keys(rest))
    if (Object.hasOwn(reserved, key))
      throw new InvalidArgumentError(`option ${key} is not yours to give: ${reserved[key as Reserved]}`)
  const { prefix, maxKeep, timeout, bucket, ...bounds } = settings as WithoutBucket
  return {
    // Two prefixes may have one bucket: the keys in it begin with the prefix.
    settings: { prefix, maxKeep, bucket: bucket ?? `${prefix.replaceAll(/[./]/g, '_').slice(0, 59)}_kept` },
    // The client bounds the connecting; to restore the subscriptions takes time as well.
    bounds: { ...bounds, connectTimeout: Math.min(2 * timeout, MAX_TIMER) },
    client: { ...withServers(rest), timeout },
  }
}

/**
 * The client takes an address of a server for host and port and ignores everything else in it: a
 * password there would go nowhere, and `tls://` would speak in clear.
 */
function withServers({ servers, port, ...rest }: Passed): Passed {
  if (servers !== undefined && port !== undefined)
    throw new InvalidArgumentError('options servers and port exclude each other')
  const list = servers === undefined ? [`127.0.0.1:${port ?? 4222}`] : [servers].flat()
  if (list.length === 0) throw new InvalidArgumentError('option servers must name a server')
  let secure = false
  for (const server of list as unknown[]) {
    if (typeof server !== 'string' || server === '')
      throw new InvalidArgumentError('option servers must be an address, or a list of them')
    // Without the address in the message: it holds the password.
    if (server.includes('@'))
      throw new InvalidArgumentError('credentials do not belong into an address of a server: use options user and pass')
    const scheme = /^([a-z]+):\/\//i.exec(server)?.[1]?.toLowerCase()
    if (scheme !== undefined && scheme !== 'nats' && scheme !== 'tls')
      throw new InvalidArgumentError(`an address of a server must begin with nats:// or tls://, not ${quoted(scheme)}`)
    if (scheme === 'tls') secure = true
  }
  return { ...rest, servers: list, ...(secure ? { tls: rest.tls ?? {} } : {}) }
}
