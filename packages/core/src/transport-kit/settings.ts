import { InvalidArgumentError } from '../errors'
import { quoted } from '../text'

/** Options that every transport of the kit has. Durations are integer milliseconds. */
export interface Bounds {
  /** How long an attempt to connect may take, restoring subscriptions included, in ms; 10,000 by default. */
  readonly connectTimeout?: number | undefined
  /**
   * How long an emit may take, in ms; 5,000 by default. It then rejects: with ConnectionError if
   * it was never written, with UncertainError if it was written and not acknowledged.
   */
  readonly publishTimeout?: number | undefined
  /** How long the broker may take to answer a subscription before the connection is replaced, in ms; 5,000 by default. */
  readonly subscribeTimeout?: number | undefined
  /**
   * After so many ms in which nothing was heard a connection is asked for a PING; unanswered for as
   * long, it is replaced. 5,000 by default, 0 for never.
   */
  readonly heartbeat?: number | undefined
  /**
   * How many emits are held while there is no connection; 1,000 by default. More reject with
   * ConnectionError. As many more are taken once the broker has said nothing for two seconds in
   * which it owed an answer.
   */
  readonly maxQueued?: number | undefined
  /** How many bytes of emits may be unanswered, in all; 67,108,864 (64 MiB) by default. More reject with ConnectionError. */
  readonly maxUnanswered?: number | undefined
}

/** Options with their defaults filled in. */
export type Filled<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> }

/** What is wanted of an option instead of this value; `undefined` if the value will do. */
export type Check = (value: unknown) => string | undefined

const MAX_TIMER = 2 ** 31 - 1

/** An integer from `min` on that a timer can wait for; `unit` is what it counts, such as `ms`. */
export function integer(min: number, unit: string): Check {
  return (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= MAX_TIMER
      ? undefined
      : `an integer of ${unit}, at least ${min}`
}

/** One of these values. */
export function oneOf(...allowed: readonly unknown[]): Check {
  return (value) => (allowed.includes(value) ? undefined : allowed.map((one) => JSON.stringify(one)).join(' or '))
}

/** The defaults of `Bounds`. */
export const boundsDefaults: Filled<Bounds> = {
  connectTimeout: 10_000,
  publishTimeout: 5_000,
  subscribeTimeout: 5_000,
  heartbeat: 5_000,
  maxQueued: 1_000,
  maxUnanswered: 64 * 1024 * 1024,
}

/** The checks of `Bounds`, for `separate`. */
export const boundsChecks: { readonly [K in keyof Bounds]-?: Check } = {
  connectTimeout: integer(1, 'ms'),
  publishTimeout: integer(1, 'ms'),
  subscribeTimeout: integer(1, 'ms'),
  heartbeat: integer(0, 'ms'),
  maxQueued: integer(0, 'emits'),
  maxUnanswered: integer(1, 'bytes'),
}

/**
 * Tells the options that are checked from the rest, and checks them. What is `undefined` takes its
 * default, if there is one. `of` is what they are options of, for messages.
 * @throws InvalidArgumentError
 */
export function separate<T extends object>(
  of: string,
  options: unknown,
  checks: { readonly [K in keyof T]-?: Check },
  defaults: Partial<Filled<T>>,
): { settings: Filled<T>; rest: Record<string, unknown> } {
  if (typeof options !== 'object' || options === null)
    throw new InvalidArgumentError(`the options of ${of} must be an object, not ${typeof options}`)
  const settings: Record<string, unknown> = { ...defaults }
  const rest: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (!Object.hasOwn(checks, key)) {
      rest[key] = value
      continue
    }
    const wanted = checks[key as keyof T](value)
    if (wanted !== undefined) throw new InvalidArgumentError(`option ${key} must be ${wanted}`)
    settings[key] = value
  }
  return { settings: settings as Filled<T>, rest }
}

/**
 * Where nobody else has options, an unknown one is a mistake. `hint` says where it might belong.
 * @throws InvalidArgumentError
 */
export function refuseUnknown(rest: Record<string, unknown>, hint: string): void {
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw new InvalidArgumentError(`unknown option ${quoted(unknown)}: ${hint}`)
}
