import { InvalidArgumentError } from 'server-events'
import { boundsChecks, boundsDefaults, oneOf } from 'server-events/transport-kit'
import * as kit from 'server-events/transport-kit'
import type { Check, Filled } from 'server-events/transport-kit'
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
   * waits of `'id'` hear `'id'` and, on ids that `createId` of an `'id'` instance has made, all.
   *
   * - `'pattern'`, the default: PSUBSCRIBE, one pattern per event name. The server compares each
   *   PUBLISH with every pattern, and an ACL must list the pattern as it is written (`&se:report:*`).
   * - `'name'`: SUBSCRIBE, one channel per event name. As cheap with thousands of names, and `&se:*`
   *   is enough for an ACL.
   * - `'id'`: only a server that waits hears the event. Ids that `createId` has made have a home:
   *   SUBSCRIBE, one channel per name for all of an instance. Of any other id every wait costs a
   *   subscription of its own, and each event a PUBLISH of its own. A name that the method `listen`
   *   hears is a pattern.
   *
   * With wire `'1.x'` or `'both'` only `'pattern'`.
   */
  readonly channels?: 'pattern' | 'name' | 'id' | undefined
  /**
   * Whether events of one name, and of one home, that are emitted in one tick leave as one PUBLISH; true by default.
   * With false every event is a PUBLISH of its own.
   */
  readonly batch?: boolean | undefined
  /**
   * After so many ms in which nothing was heard a connection is asked for a PING; if nothing is
   * heard for as long again, it is replaced. As often it is asked whether it is still a master's.
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
  /** How long an attempt to connect may take, resubscription included, in ms; 10,000 by default. */
  readonly connectTimeout?: number | undefined
  /**
   * How many emits are held while there is no connection; 1,000 by default. More reject with
   * ConnectionError. As many more are taken once the server has said nothing for two seconds in
   * which it owed an answer.
   */
  readonly maxQueued?: number | undefined
  /** How many bytes of emits may be unanswered, in all; 67,108,864 (64 MiB) by default. More reject with ConnectionError. */
  readonly maxUnanswered?: number | undefined
  /**
   * What is spoken; `'2'` by default. `'1.x'` emits for server-events 1.x and hears both, `'both'`
   * emits wire 2 and hears both: the two steps of an upgrade without downtime.
   */
  readonly wire?: '2' | '1.x' | 'both' | undefined
}

export type Settings = Filled<RedisTransportOptions>

const defaults: Settings = { ...boundsDefaults, prefix: 'se:', channels: 'pattern', batch: true, wire: '2' }

const checks: { readonly [K in keyof Settings]: Check } = {
  ...boundsChecks,
  prefix: (value) =>
    typeof value === 'string' && value.isWellFormed() ? undefined : 'a string of well-formed Unicode',
  channels: oneOf('pattern', 'name', 'id'),
  batch: oneOf(true, false),
  wire: oneOf('2', '1.x', 'both'),
}

/**
 * Tells our options from those of ioredis, and checks ours. What is `undefined` takes its default.
 * @throws InvalidArgumentError
 */
export function separate(options: object): { settings: Settings; rest: Record<string, unknown> } {
  const { settings: checked, rest } = kit.separate<RedisTransportOptions>('a RedisTransport', options, checks, defaults)
  // With none, both wires would share their patterns and every message would arrive twice.
  if (checked.wire !== '2' && checked.prefix === '')
    throw new InvalidArgumentError(`option prefix must not be empty with wire ${quoted(checked.wire)}`)
  if (checked.wire !== '2' && checked.channels !== 'pattern')
    throw new InvalidArgumentError(
      `option channels must be "pattern" with wire ${quoted(checked.wire)}: 1.x has no other channels`,
    )
  return { settings: checked, rest }
}

/** Our options among those of a URL, which for ioredis would be unknown ones. What is no number or boolean stays text. */
export function settingsIn({ searchParams }: URL): Record<string, unknown> {
  const ours = [...searchParams].filter(([key]) => Object.hasOwn(checks, key))
  return Object.fromEntries(
    ours.map(([key, text]) => [key, typeof defaults[key as keyof Settings] === 'string' ? text : valueOf(text)]),
  )
}

function valueOf(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^\d+$/.test(text) ? Number(text) : text
}

/** Where ioredis' options have no place, an unknown one is a mistake. */
export function refuseUnknown(rest: Record<string, unknown>): void {
  kit.refuseUnknown(rest, 'options of ioredis belong to the client itself')
}
