import { isNativeError } from 'node:util/types'
import {
  AlreadySettledError,
  AuthError,
  ClosedError,
  ConnectionError,
  ForbiddenError,
  InvalidArgumentError,
  NotKeptError,
  PayloadTooLargeError,
  SerializationError,
  ServerEventsError,
  UncertainError,
  UnsupportedError,
} from '../errors'
import type { ErrorOptions } from '../errors'
import { quoted } from '../text'
import type { EventKey } from '../transport'
import type { Overfull, UnansweredLimits } from './unsettled'

/*
 * What a broker's client throws ends here: its messages and properties repeat what servers and
 * peers say, and may hold passwords and payloads. Nothing of it goes on but a code or a class.
 */

/**
 * The broker refuses for now: it loads its data, runs somebody else's script, elects a leader. What
 * was asked had no effect, and is asked again within its own deadline. A driver throws it; nobody
 * else sees it.
 */
export class TransientRefusal extends Error {
  override readonly name = 'TransientRefusal'
  /** The broker's word for it, such as `BUSY`; a word that cannot hold a secret. */
  readonly reason: string

  constructor(reason: string) {
    super(`refused for now (${reason})`)
    this.reason = reason
  }
}

/** Which event a message is about. */
export function eventOf({ name, id }: EventKey): string {
  return `event ${quoted(name)} with id ${quoted(id)}`
}

/** `transport` is its class, or 'transport'. */
export function closedError(transport: string): ClosedError {
  return new ClosedError(`this ${transport} is closed`)
}

/** Written, and nothing was heard of it. `events` is what `eventOf` says. */
export function uncertain(events: string, when: string): UncertainError {
  return new UncertainError(`${events} was not acknowledged ${when}: it may have been delivered, or may be yet`)
}

/** Something else was kept once, and was published instead of it. */
export function alreadySettled(key: EventKey): AlreadySettledError {
  const what = 'has another outcome already, which is kept once and was announced again'
  return new AlreadySettledError(`${eventOf(key)} ${what}: this one was dropped; forget() it first to use the id anew`)
}

/** `at` is the broker with host and port. */
export function failedAt(at: string, what: string): ConnectionError {
  return new ConnectionError(`no connection to ${at}: ${what}`)
}

/**
 * What went wrong, in a word that cannot hold a secret: a code such as ECONNREFUSED, else the class
 * of the error. It looks through causes and into the errors of an AggregateError.
 */
export function reasonOf(error: unknown): string {
  if (error instanceof TransientRefusal) return error.reason
  let name: string | undefined
  let one = error
  // Not by `instanceof`: Node's own errors may be of another realm, as in jest.
  for (let depth = 0; isNativeError(one) && depth < 5; depth++) {
    const { code, errors, cause } = one as { code?: unknown; errors?: unknown; cause?: unknown }
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code)) return code
    if (/^\w{1,64}$/.test(one.name)) name ??= one.name
    one = Array.isArray(errors) && errors.length > 0 ? (errors as unknown[])[0] : cause
  }
  return name === undefined || name === 'Error' ? 'unknown error' : name
}

type Rewritable = new (message: string, options?: ErrorOptions & { channel?: string | undefined }) => ServerEventsError

/** What a transport may reject with, by code: of two installed copies of this package as well. */
const classes = new Map<string, Rewritable>(
  [
    AlreadySettledError,
    AuthError,
    ClosedError,
    ConnectionError,
    ForbiddenError,
    InvalidArgumentError,
    NotKeptError,
    PayloadTooLargeError,
    SerializationError,
    UncertainError,
    UnsupportedError,
  ].map((one) => [one.code, one]),
)

/** An error of ours that holds nothing foreign, if it is one of ours; else `undefined`. */
export function ours(error: unknown): ServerEventsError | undefined {
  if (!(error instanceof ServerEventsError)) return undefined
  const make = classes.get(error.code)
  if (!make) return undefined
  const cause = ours(error.cause)
  const { channel } = error as { channel?: unknown }
  return new make(error.message, {
    ...(cause && { cause }),
    ...(typeof channel === 'string' && { channel }),
  })
}

/** Whatever ended a connection, or kept one from being made. `at` is the broker with host and port. */
export function troubleOf(error: unknown, at: string): ServerEventsError {
  return ours(error) ?? failedAt(at, error === undefined ? 'closed by the server' : reasonOf(error))
}

/**
 * The broker's answer to what it was asked, as against trouble with the connection, for which this
 * is `undefined`.
 */
export function answerOf(error: unknown): ServerEventsError | undefined {
  const own = ours(error)
  const isTrouble = own instanceof ConnectionError || own instanceof UncertainError || own instanceof ClosedError
  return isTrouble ? undefined : own
}

/** Why one more emit is not taken, and what to do. `at` is the broker with host and port. */
export function overfullError(overfull: Overfull, at: string, limits: UnansweredLimits): ConnectionError {
  const { maxQueued, maxUnanswered } = limits
  switch (overfull) {
    case 'queued':
      return failedAt(at, `and ${maxQueued} emits (maxQueued) are held already`)
    case 'silent':
      return new ConnectionError(
        `${at} answers nothing, and ${maxQueued} emits (maxQueued) more are held already: emit less until it answers`,
      )
    case 'bytes':
      return new ConnectionError(
        `${at} has not answered emits of ${maxUnanswered} bytes (maxUnanswered): await them, or raise the option`,
      )
  }
}
