import type { ConnectionOptions } from '@nats-io/transport-node'
import { InvalidArgumentError } from 'server-events'
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

/**
 * Options of the NATS client that are passed on: `servers`, `user` and `pass`, `token`,
 * `authenticator`, `tls`, `name` and the like. `timeout`, which bounds an attempt to connect, is
 * 10,000 ms here unless given.
 */
export type NatsClientOptions = Omit<ConnectionOptions, Reserved>

/** Options of this package. Durations are integer milliseconds. */
export interface NatsTransportOptions {
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
  /**
   * After so many ms the connection is asked for a PING; unanswered for as long, it is replaced.
   * 5,000 by default, 0 for never.
   */
  readonly heartbeat?: number | undefined
  /**
   * How long an emit may take, in ms; 5,000 by default. It then rejects: with ConnectionError if
   * it was never written, with UncertainError if it was written and not acknowledged.
   */
  readonly publishTimeout?: number | undefined
  /** How long the server may take to answer a subscription before the connection is replaced, in ms; 5,000 by default. */
  readonly subscribeTimeout?: number | undefined
  /** How many emits are held while there is no connection; 1,000 by default. More reject with ConnectionError. */
  readonly maxQueued?: number | undefined
}

export type Settings = { readonly [K in keyof NatsTransportOptions]-?: Exclude<NatsTransportOptions[K], undefined> }

const defaults: Omit<Settings, 'bucket'> = {
  prefix: 'se',
  maxKeep: 86_400_000,
  heartbeat: 5_000,
  publishTimeout: 5_000,
  subscribeTimeout: 5_000,
  maxQueued: 1_000,
}

const MAX_TIMER = 2 ** 31 - 1

type Check = (value: unknown) => string | undefined

const integer =
  (min: number, unit: string): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= MAX_TIMER
      ? undefined
      : `an integer of ${unit}, at least ${min}`

const checks: { readonly [K in keyof Settings]: Check } = {
  prefix: (value) =>
    typeof value === 'string' && value.length <= 64 && /^[-/\w]+(\.[-/\w]+)*$/.test(value)
      ? undefined
      : 'of letters, digits, "-", "_" and "/", tokens separated by dots, at most 64 characters',
  bucket: (value) =>
    value === false || (typeof value === 'string' && value.length <= 64 && /^[-\w]+$/.test(value))
      ? undefined
      : 'false, or of letters, digits, "-" and "_", at most 64 characters',
  maxKeep: integer(1_000, 'ms'),
  heartbeat: integer(0, 'ms'),
  publishTimeout: integer(1, 'ms'),
  subscribeTimeout: integer(1, 'ms'),
  maxQueued: integer(0, 'emits'),
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
export function separate(options: unknown): { settings: Settings; client: NatsClientOptions } {
  if (typeof options !== 'object' || options === null)
    throw new InvalidArgumentError(`the options of NatsTransport must be an object, not ${typeof options}`)
  const settings: Record<string, unknown> = { ...defaults }
  const client: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (Object.hasOwn(reserved, key))
      throw new InvalidArgumentError(`option ${key} is not yours to give: ${reserved[key as Reserved]}`)
    if (!Object.hasOwn(checks, key)) {
      client[key] = value
      continue
    }
    const wanted = checks[key as keyof Settings](value)
    if (wanted !== undefined) throw new InvalidArgumentError(`option ${key} must be ${wanted}`)
    settings[key] = value
  }
  // Two prefixes may have one bucket: the keys in it begin with the prefix.
  settings['bucket'] ??= `${String(settings['prefix']).replaceAll(/[./]/g, '_').slice(0, 59)}_kept`
  return { settings: settings as unknown as Settings, client: withServers(client) }
}

/**
 * The client takes an address of a server for host and port and ignores everything else in it: a
 * password there would go nowhere, and `tls://` would speak in clear.
 */
function withServers({ servers, port, ...rest }: NatsClientOptions): NatsClientOptions {
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

/** For people: where it connects to. */
export function placesOf({ servers = [] }: NatsClientOptions): string {
  return [servers]
    .flat()
    .map((server) => server.replace(/^[a-z]+:\/\//i, ''))
    .join(', ')
}
