import { isNativeError } from 'node:util/types'
import { AuthError, ConnectionError, ForbiddenError, UnsupportedError } from 'server-events'
import type { ServerEventsError } from 'server-events'
import { failedAt, ours, reasonOf, TransientRefusal } from 'server-events/transport-kit'

/*
 * What the client throws ends here: messages of PostgreSQL repeat values and statements, and those
 * of the client may repeat a URL. Nothing of it goes on but a code, and a word of ours for it.
 */

const words: Readonly<Record<string, string>> = {
  '25006': 'read-only: not the primary any more',
  '25P01': 'no transaction',
  '25P02': 'a statement of the transaction has failed before',
  '28000': 'refused by pg_hba.conf, or the role may not log in',
  '28P01': 'wrong user or password',
  '3D000': 'no such database',
  '40001': 'serialization failure',
  '40P01': 'deadlock',
  '42501': 'insufficient privilege',
  '53100': 'disk full',
  '53200': 'out of memory',
  '53300': 'too many connections',
  '54000': 'the queue of notifications is full',
  '55P03': 'locked by another transaction',
  '57014': 'canceled, or statement_timeout',
  '57P01': 'shut down, or terminated by an administrator',
  '57P02': 'crashed',
  '57P03': 'starting up or shutting down',
}

/** It had no effect, and may have one when it is asked again. */
const passing = /^(40001|40P01|53...|54000|55P03|57014)$/

/** The connection is of no use any more. */
const ending = /^(08...|57P..|25006)$/

/** What it would take a change of the table for. */
const misfit = /^(42P01|42703|42P10|42804|42809|0A000)$/

/** What PostgreSQL says of an error; `undefined` if it is none of its own. */
export function sqlState(error: unknown): string | undefined {
  if (!isNativeError(error)) return undefined
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && severity !== undefined ? code : undefined
}

/** Whether the connection is of no use any more after this answer. */
export function isEnding(error: unknown): boolean {
  return ending.test(sqlState(error) ?? '')
}

function described(code: string): string {
  return words[code] === undefined ? `SQLSTATE ${code}` : `${words[code]}, SQLSTATE ${code}`
}

/** Why there is no connection, or none any more. */
export function connectionTrouble(error: unknown, place: string): ServerEventsError {
  const at = `postgres at ${place}`
  const code = sqlState(error)
  if (code !== undefined)
    return /^28|^42501$/.test(code)
      ? new AuthError(`${at} refused the credentials (${described(code)})`)
      : failedAt(at, described(code))
  const message = isNativeError(error) ? error.message : ''
  // It has no password to give, or cannot use the one that it has.
  if (message.startsWith('SASL'))
    return new AuthError(`${at} asks for a password, and the one it was given, if any, is not what it expects`)
  if (message.startsWith('The server does not support SSL')) return failedAt(at, 'it does not support TLS')
  if (error === undefined || message.startsWith('Connection terminated')) return failedAt(at, 'closed by the server')
  return failedAt(at, reasonOf(error))
}

/**
 * What a statement was answered; what is ours already stays. `table` is the one it is about, if any, and `Refusal` what
 * a refusal is that asking again does not change.
 */
export function answer(
  error: unknown,
  place: string,
  table?: string,
  Refusal: new (message: string) => ServerEventsError = ConnectionError,
): ServerEventsError | TransientRefusal {
  const own = ours(error)
  if (own) return own
  const code = sqlState(error)
  if (code === undefined || isEnding(error)) return connectionTrouble(error, place)
  if (passing.test(code)) return new TransientRefusal(described(code))
  const about = table === undefined ? '' : ` on table ${table}`
  if (code === '42501') return new ForbiddenError(`postgres at ${place} forbids it${about} (${described(code)})`)
  if (table !== undefined && misfit.test(code)) return unfit(place, table, described(code))
  return new Refusal(`postgres at ${place} refused a statement${about} (${described(code)})`)
}

/** The table is not there, or is another one. */
export function unfit(place: string, table: string, why: string): UnsupportedError {
  return new UnsupportedError(
    `postgres at ${place} has no table ${table} for outcomes as it has to be (${why}): ` +
      'run the SQL that postgresMigration() gives, or set option table to false and do without keep',
  )
}

/** A pooler hands one connection of the server to many clients. */
export function pooled(place: string): UnsupportedError {
  return new UnsupportedError(
    `postgres at ${place} is behind a pooler that loses LISTEN, such as pgbouncer in transaction mode: ` +
      'give option listen a direct connection, or one of a pool in session mode',
  )
}

/** Before the oldest version that this transport can use; `version` as the server says it, 110022 of 11.22. */
export function tooOld(place: string, version: number): UnsupportedError {
  return new UnsupportedError(
    `postgres at ${place} is version ${Math.trunc(version / 10_000)}, and has to be 12 or later: upgrade it`,
  )
}
