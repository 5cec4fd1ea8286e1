import { AuthError, ConnectionError, ForbiddenError, UnsupportedError } from 'server-events'
import type { ServerEventsError } from 'server-events'

/*
 * The errors of ioredis carry the command with its arguments, hence passwords and payloads. They
 * end here: nothing of them goes on but a code.
 */

/** A name or id in a message: readable, on one line, and never long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text)
}

/** The code of an answer of the server (`NOPERM`); `undefined` if it is not its answer, but trouble with the connection. */
export function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined
  if (/^ERR unknown command/i.test(error.message)) return 'UNKNOWN'
  if (/^ERR (invalid password|AUTH|Client sent AUTH)/i.test(error.message)) return 'WRONGPASS'
  return /^[A-Z]+/.exec(error.message)?.[0] ?? 'ERR'
}

/** What went wrong with a connection, in a word or two that cannot hold a secret. */
export function reason(error: unknown): string {
  const reply = replyCode(error)
  if (reply !== undefined) return reply
  if (!(error instanceof Error)) return 'unknown error'
  const { code } = error as { code?: unknown }
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code)) return code
  if (error.message.startsWith('All sentinels are unreachable')) return 'no sentinel knows a master that can be reached'
  return /^\w+$/.test(error.name) ? error.name : 'unknown error'
}

/** Credentials that the server refuses, or that are missing. While connecting, also a user who may not even log in. */
export function authRefusal(error: unknown, place: string): AuthError | undefined {
  const code = replyCode(error)
  const command = (error as { command?: { name?: unknown } } | undefined)?.command?.name
  const refused =
    code === 'WRONGPASS' || code === 'NOAUTH' || (code === 'NOPERM' && (command === 'auth' || command === 'hello'))
  return refused ? new AuthError(`redis at ${place} refused the credentials (${code})`) : undefined
}

/** The server's refusal of a command. */
export function refusal(code: string, command: string, channel: string, place: string): ServerEventsError {
  switch (code) {
    case 'NOPERM':
      return new ForbiddenError(`redis at ${place} forbids ${command} on ${quoted(channel)}`, { channel })
    case 'NOAUTH':
    case 'WRONGPASS':
      return new AuthError(`redis at ${place} refused the credentials (${code})`)
    case 'UNKNOWN':
      return new UnsupportedError(`redis at ${place} does not know ${command}`)
    default:
      return new ConnectionError(`redis at ${place} refused ${command} (${code})`)
  }
}
