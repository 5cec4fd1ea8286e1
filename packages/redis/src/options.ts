import { InvalidArgumentError } from 'server-events'
import { quoted } from './errors'

/** Options of this package. Durations are integer milliseconds. */
export interface RedisTransportOptions {
  /**
   * Before every channel; `'se:'` by default. Redis databases do not separate pub/sub: the prefix
   * does. All processes that are to hear each other need the same.
   */
  readonly prefix?: string | undefined
  /**
   * How waits subscribe, and where events are emitted. Whichever it is, what one process needs
   * depends on the others: `'pattern'` hears all of them, `'name'` hears `'pattern'` and `'name'`,
   * waits of `'id'` hear `'id'` only.
   *
   * - `'pattern'`, the default: PSUBSCRIBE, one pattern per event name. The server compares each
   *   PUBLISH with every pattern, and an ACL must list the pattern as it is written (`&se:report:*`).
   * - `'name'`: SUBSCRIBE, one channel per event name. As cheap with thousands of names, and `&se:*`
   *   is enough for an ACL.
   * - `'id'`: SUBSCRIBE, one channel per name and id, so that only a server that waits hears the
   *   event. Every wait costs a subscription of its own, each event is a PUBLISH of its own, and a
   *   name that is listened to is a pattern.
   *
   * With wire `'1.x'` or `'both'` only `'pattern'`.
   */
  readonly channels?: 'pattern' | 'name' | 'id' | undefined
  /**
   * Whether events of one name that are emitted in one tick leave as one PUBLISH; true by default.
   * With false every event is a PUBLISH of its own.
   */
  readonly batch?: boolean | undefined
  /**
   * After so many ms without a message the subscribing connection is asked for a PING; unanswered
   * for as long, it is replaced. 5,000 by default, 0 for never.
   */
  readonly heartbeat?: number | undefined
  /**
   * How long an emit may take, in ms; 5,000 by default. It then rejects: with ConnectionError if
   * it was never written, with UncertainError if it was written and not acknowledged.
   */
  readonly publishTimeout?: number | undefined
  /** How long the server may take to answer a subscription before the connection is replaced, in ms; 5,000 by default. */
  readonly subscribeTimeout?: number | undefined
  /** How long an attempt to connect may take, resubscription included, in ms; 10,000 by default. */
  readonly connectTimeout?: number | undefined
  /** How many emits are held while there is no connection; 1,000 by default. More reject with ConnectionError. */
  readonly maxQueued?: number | undefined
  /**
   * What is spoken; `'2'` by default. `'1.x'` emits for server-events 1.x and hears both, `'both'`
   * emits wire 2 and hears both: the two steps of an upgrade without downtime.
   */
  readonly wire?: '2' | '1.x' | 'both' | undefined
}

export type Settings = { readonly [K in keyof RedisTransportOptions]-?: Exclude<RedisTransportOptions[K], undefined> }

const defaults: Settings = {
  prefix: 'se:',
  channels: 'pattern',
  batch: true,
  heartbeat: 5_000,
  publishTimeout: 5_000,
  subscribeTimeout: 5_000,
  connectTimeout: 10_000,
  maxQueued: 1_000,
  wire: '2',
}

const MAX_TIMER = 2 ** 31 - 1

type Check = (value: unknown) => string | undefined

const integer =
  (min: number, unit: string): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= MAX_TIMER
      ? undefined
      : `an integer of ${unit}, at least ${min}`

const oneOf =
  (...allowed: readonly unknown[]): Check =>
  (value) =>
    allowed.includes(value) ? undefined : allowed.map((one) => JSON.stringify(one)).join(' or ')

const checks: { readonly [K in keyof Settings]: Check } = {
  prefix: (value) =>
    typeof value === 'string' && value.isWellFormed() ? undefined : 'a string of well-formed Unicode',
  channels: oneOf('pattern', 'name', 'id'),
  batch: oneOf(true, false),
  heartbeat: integer(0, 'ms'),
  publishTimeout: integer(1, 'ms'),
  subscribeTimeout: integer(1, 'ms'),
  connectTimeout: integer(1, 'ms'),
  maxQueued: integer(0, 'emits'),
  wire: oneOf('2', '1.x', 'both'),
}

/**
 * Tells our options from those of ioredis, and checks ours. What is `undefined` takes its default.
 * @throws InvalidArgumentError
 */
export function separate(options: object): { settings: Settings; rest: Record<string, unknown> } {
  const settings: Record<string, unknown> = { ...defaults }
  const rest: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (!Object.hasOwn(checks, key)) {
      rest[key] = value
      continue
    }
    const wanted = checks[key as keyof Settings](value)
    if (wanted !== undefined) throw new InvalidArgumentError(`option ${key} must be ${wanted}`)
    settings[key] = value
  }
  const checked = settings as unknown as Settings
  // With none, both wires would share their patterns and every message would arrive twice.
  if (checked.wire !== '2' && checked.prefix === '')
    throw new InvalidArgumentError(`option prefix must not be empty with wire ${quoted(checked.wire)}`)
  if (checked.wire !== '2' && checked.channels !== 'pattern')
    throw new InvalidArgumentError(
      `option channels must be "pattern" with wire ${quoted(checked.wire)}: 1.x has no other channels`,
    )
  return { settings: checked, rest }
}

/** Where ioredis' options have no place, an unknown one is a mistake. */
export function refuseUnknown(rest: Record<string, unknown>): void {
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined)
    throw new InvalidArgumentError(`unknown option ${quoted(unknown)}: options of ioredis belong to the client itself`)
}
