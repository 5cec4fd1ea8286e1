import {
  AuthError,
  ClosedError,
  ConnectionError,
  ForbiddenError,
  NotKeptError,
  UncertainError,
  UnsupportedError,
} from 'server-events'
import type { EventKey, ServerEventsError } from 'server-events'

/*
 * The errors of ioredis carry the command with its arguments, hence passwords and payloads. They
 * end here: nothing of them goes on but a code.
 */

/** A name or id in a message: readable, on one line, and never long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text)
}

/** What is asked of an error; by shape, because Node's own may come from another realm. */
interface Trouble {
  readonly name: string
  readonly message: string
  readonly code?: unknown
  readonly command?: { readonly name?: unknown }
}

function troubleOf(error: unknown): Trouble {
  const { name, message } = (error ?? {}) as Partial<Trouble>
  return typeof name === 'string' && typeof message === 'string'
    ? (error as Trouble)
    : { name: 'unknown error', message: '' }
}

/**
 * The code of an answer of the server (`NOPERM`); `undefined` if it is not its answer, but trouble
 * with the connection.
 */
export function replyCode(error: unknown): string | undefined {
  const { name, message } = troubleOf(error)
  if (name !== 'ReplyError') return undefined
  if (/^ERR unknown command/i.test(message)) return 'UNKNOWN'
  if (/^ERR (invalid password|AUTH|Client sent AUTH)/i.test(message)) return 'WRONGPASS'
  return /^[A-Z]+/.exec(message)?.[0] ?? 'ERR'
}

/** What went wrong with a connection, in a word or two that cannot hold a secret. */
export function reason(error: unknown): string {
  const reply = replyCode(error)
  if (reply !== undefined) return reply
  const { name, message, code } = troubleOf(error)
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code)) return code
  if (message.startsWith('All sentinels are unreachable')) return 'no sentinel knows a master that can be reached'
  return /^\w+$/.test(name) ? name : 'unknown error'
}

/** Credentials that the server refuses, or that are missing. While connecting, also a user who may not even log in. */
export function authRefusal(error: unknown, place: string): AuthError | undefined {
  const code = replyCode(error)
  const command = troubleOf(error).command?.name
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

export function named({ name, id }: EventKey): string {
  return `event ${quoted(name)} with id ${quoted(id)}`
}

/** One of those that met the same fate. Not by its id: that is nobody's business but its own emitter's. */
export function oneOf(count: number, name: string): string {
  return `one of ${count} events ${quoted(name)} of a tick`
}

/** Published, but the server refused to store it. */
export function notKept(key: EventKey, place: string, code: string): NotKeptError {
  return new NotKeptError(`${named(key)} was published, but redis at ${place} did not store it (${code})`)
}

export function closedError(): ClosedError {
  return new ClosedError('this RedisTransport is closed')
}

/** Written, and nothing was heard of it. */
export function uncertain(events: string, when: string): UncertainError {
  return new UncertainError(`${events} was not acknowledged ${when}: it may have been delivered, or may be yet`)
}
