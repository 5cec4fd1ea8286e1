import { isNativeError } from 'node:util/types'
import {
  AuthError,
  ConnectionError,
  ForbiddenError,
  NotKeptError,
  PayloadTooLargeError,
  UnsupportedError,
} from 'server-events'
import type { EventKey, ServerEventsError } from 'server-events'
import { eventOf, TransientRefusal } from 'server-events/transport-kit'

/*
 * What the client throws ends here: its messages repeat what servers and peers say. Nothing of it
 * goes on but a code, a class or a subject. Classes are told by their names, because a process may
 * hold several copies of the client.
 */

/** A name or id in a message: readable, on one line, and never long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text)
}

/** The error and its causes. Not by `instanceof`: Node's own may be of another realm. */
function* chainOf(error: unknown): Generator<Error> {
  for (let depth = 0; isNativeError(error) && depth < 5; depth++, error = error.cause) yield error
}

function find(error: unknown, name: string): Error | undefined {
  for (const one of chainOf(error)) if (one.name === name) return one
  return undefined
}

/** What the server itself says on its way to closing a connection, as far as it is known to be harmless. */
const knownText =
  /^(slow consumer|stale connection|maximum (account active )?connections exceeded|authentication timeout|closed by the server)/i

/** What went wrong with a connection, in a word or two that cannot hold a secret. */
export function reason(error: unknown): string {
  for (const one of chainOf(error)) {
    const { code } = one as { code?: unknown }
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code)) return code
    const known = knownText.exec(one.message)?.[0]
    if (known !== undefined) return known.toLowerCase()
  }
  if (find(error, 'TimeoutError')) return 'no answer in time'
  if (!isNativeError(error)) return 'unknown error'
  // The client has no word for that: it says "connection refused", or that the error is undefined.
  if (error.name === 'ConnectionError') return 'closed by the server'
  return /^\w+$/.test(error.name) ? error.name : 'unknown error'
}

/** Credentials that the server refuses, that are missing, or whose time is up. */
export function authRefusal(error: unknown, place: string): AuthError | undefined {
  const refused = find(error, 'AuthorizationError') ?? find(error, 'UserAuthenticationExpiredError')
  if (!refused || /timeout/i.test(refused.message)) return undefined
  const what = /expired/i.test(refused.message) ? 'they have expired' : 'authorization violation'
  return new AuthError(`nats at ${place} refused the credentials (${what})`)
}

/** An operation that the server's permissions forbid. */
export interface Violation {
  readonly operation: 'publish' | 'subscription'
  readonly subject: string
}

export function violationOf(error: unknown): Violation | undefined {
  const violation = find(error, 'PermissionViolationError') as Partial<Violation> | undefined
  if (!violation) return undefined
  const { operation = 'publish', subject = '' } = violation
  return { operation, subject }
}

export function forbidden({ operation, subject }: Violation, place: string): ForbiddenError {
  const what = operation === 'publish' ? 'publishing to' : 'subscribing to'
  return new ForbiddenError(`nats at ${place} forbids ${what} ${quoted(subject)}`, { channel: subject })
}

export function failedAt(place: string, what: string): ConnectionError {
  return new ConnectionError(`no connection to nats at ${place}: ${what}`)
}

/** A number of JetStream's own for what went wrong; `undefined` if it is not its answer. */
export function jetStreamCode(error: unknown): number | undefined {
  const { code } = (find(error, 'JetStreamApiError') ?? find(error, 'StreamNotFoundError') ?? {}) as { code?: unknown }
  return typeof code === 'number' ? code : undefined
}

const NOT_ENABLED = 10076
const NOT_ENABLED_FOR_ACCOUNT = 10039

/** Nobody answers for JetStream, or for one of its streams. */
export function isUnanswered(error: unknown): boolean {
  const isNobody = find(error, 'JetStreamNotEnabled') ?? find(error, 'NoResponders')
  return isNobody !== undefined && jetStreamCode(error) === undefined
}

/** JetStream is not there: nobody answers for it, or it says that this account has none. */
export function hasNoJetStream(error: unknown): boolean {
  const code = jetStreamCode(error)
  return isUnanswered(error) || code === NOT_ENABLED || code === NOT_ENABLED_FOR_ACCOUNT
}

export function noJetStream(error: unknown, place: string): UnsupportedError {
  const whose = jetStreamCode(error) === NOT_ENABLED_FOR_ACCOUNT ? 'this account of nats' : 'nats'
  return new UnsupportedError(
    `JetStream is not enabled for ${whose} at ${place}, and outcomes are kept in it: ` +
      'enable it, or set option bucket to false and do without keep',
  )
}

/** JetStream cannot answer now: it has no leader or no peers yet, a stream of it is offline, or too much is asked. */
const transient: ReadonlySet<number> = new Set([10004, 10005, 10008, 10009, 10118, 10167])

/** What the store did with a request, where JetStream is there. */
export function storeError(
  error: unknown,
  what: 'store' | 'read' | 'forget',
  place: string,
): ServerEventsError | TransientRefusal {
  const violation = violationOf(error)
  if (violation) return forbidden(violation, place)
  if (isUnanswered(error)) return new TransientRefusal('JetStream has no leader')
  const code = jetStreamCode(error)
  if (code === undefined) return new ConnectionError(`nats at ${place} did not ${what} the outcome: ${reason(error)}`)
  if (transient.has(code)) return new TransientRefusal(`JetStream error ${code}`)
  const refused = `nats at ${place} refused to ${what} the outcome (JetStream error ${code})`
  return what === 'store' ? new NotKeptError(refused) : new ConnectionError(refused)
}

/** What the client does not send because the server takes only so many bytes; `undefined` for anything else. */
export function tooLarge(error: unknown, key: EventKey, place: string, most = 0): PayloadTooLargeError | undefined {
  if (![...chainOf(error)].some(({ message }) => message.includes('max_payload'))) return undefined
  const limit = most > 0 ? `: ${most} bytes (max_payload), headers included` : ''
  return new PayloadTooLargeError(`${eventOf(key)} is over the limit of nats at ${place}${limit}`)
}
