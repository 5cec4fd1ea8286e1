import { RemoteError, ServerEventsError, TimeoutError } from 'server-events'
import { Exit, exitCodes, usage } from './exit'
import type { ExitCode } from './exit'

/** Each argument of an event as the command line has it: JSON. @throws Exit (usage) */
export function parseArgs(texts: readonly string[]): unknown[] {
  return texts.map((text, index) => parseJson(text, `argument ${index + 1} of the event`))
}

/** @throws Exit (usage) without the text: it may be a payload */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw usage(`${what} is not JSON; a string is '"text"', with both kinds of quotes`)
  }
}

/** A number of ms, rounded up to whole ones. @throws Exit (usage) */
export function parseMs(text: string, least = 1): number {
  const ms = text.trim() === '' ? Number.NaN : Math.ceil(Number(text))
  if (!(ms >= least && ms < 2 ** 31)) throw usage(`a duration is a number of milliseconds, ${least} or more`)
  return ms
}

/** A positive integer. @throws Exit (usage) */
export function parseCount(text: string): number {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count <= 0) throw usage('a number of events or bytes is a positive integer')
  return count
}

/** What this program has to say itself, beside the codes of the library. */
const exitNames = { 0: 'ERR_INTERNAL', 1: 'ERR_UNSUPPORTED', 2: 'ERR_INVALID_ARGUMENT', 3: 'ERR_TIMEOUT' } as const

/** What an error says to programs: of a failed outcome what its producer gave. */
export function describe(error: unknown): { code: string; message: string; [more: string]: unknown } {
  if (error instanceof RemoteError) {
    const { code, message, remoteName: name, remoteCode, data } = error
    return { code, message, name, remoteCode, data }
  }
  if (error instanceof ServerEventsError) return { code: error.code, message: error.message }
  if (error instanceof Exit) return { code: exitNames[error.exitCode], message: error.message }
  return { code: 'ERR_INTERNAL', message: (error as Error).message }
}

/** What people are told of it. */
export function explain(error: unknown): string {
  if (error instanceof RemoteError) {
    const code = error.remoteCode === undefined ? '' : ` (${error.remoteCode})`
    return `the outcome is a failure: ${error.remoteName}${code}: ${error.message}`
  }
  const { code, message } = describe(error)
  return `${message} (${code})`
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof Exit) return error.exitCode
  if (error instanceof TimeoutError) return exitCodes.timeout
  if (error instanceof ServerEventsError && error.code === 'ERR_INVALID_ARGUMENT') return exitCodes.usage
  return exitCodes.bad
}
