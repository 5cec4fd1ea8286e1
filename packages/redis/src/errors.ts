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
  if (/^ERR max number of clients/i.test(message)) return 'MAXCLIENTS'
  // Proxies put ERR before what the server said.
  const wrapped = /^ERR -?([A-Z]{3,})\b/.exec(message)?.[1]
  if (wrapped !== undefined && (passing.has(wrapped) || telling.has(wrapped))) return wrapped
  return /^[A-Z]+/.exec(message)?.[0] ?? 'ERR'
}

/** What the server says for a while: it runs somebody else's script, loads its data, looks for its master, has no room. */
const passing: ReadonlySet<string> = new Set(['BUSY', 'LOADING', 'MASTERDOWN', 'TRYAGAIN', 'CLUSTERDOWN', 'MAXCLIENTS'])

/** Other codes that mean the same when a proxy words them. */
const telling: ReadonlySet<string> = new Set(['READONLY', 'MOVED', 'ASK', 'NOPERM', 'NOAUTH', 'WRONGPASS', 'OOM', 'MISCONF', 'NOREPLICAS']) // prettier-ignore

/** Whether a refusal will pass: what was asked had no effect, and is asked again within its own deadline. */
export function isPassing(code: string): boolean {
  return passing.has(code)
}

/** A key belongs elsewhere: this is a node of a Cluster, taken for a server of its own. */
export function isElsewhere(code: string): boolean {
  return code === 'MOVED' || code === 'ASK'
}

/** What a database that was not selected means: ioredis goes on in database 0. */
export function unselected(error: unknown, place: string): ConnectionError | undefined {
  const code = replyCode(error)
  if (code === undefined || troubleOf(error).command?.name !== 'select') return undefined
  const what = isPassing(code)
    ? 'for now'
    : code === 'NOPERM'
      ? 'grant +select to its user, or use database 0'
      : 'set option db to one that it has (`databases` in its configuration; a Cluster has 0 only)'
  return new ConnectionError(`no connection to redis at ${place}: the database cannot be selected (${code}): ${what}`)
}

/** What went wrong with a connection, in a word or two that cannot hold a secret. */
export function reason(error: unknown): string {
  const reply = replyCode(error)
  if (reply !== undefined) return reply
  const { name, message, code } = troubleOf(error)
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `${code}, its certificate is for other hosts: connect by one of those, or set tls.servername to it`
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code)) return code
  if (message.startsWith('All sentinels are unreachable')) return 'no sentinel knows a master that can be reached'
  // As ioredis 5 and 6 word it.
  if (name === 'ParserError' || message.startsWith('Unknown RESP type'))
    return 'what answers there is no Redis server: check host and port'
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
    case 'MOVED':
    case 'ASK':
      return new UnsupportedError(nodeOfCluster(place))
    case 'UNKNOWN':
      return new UnsupportedError(`redis at ${place} does not know ${command}`)
    default:
      return new ConnectionError(`redis at ${place} refused ${command} (${code})`)
  }
}

/** What is to be done where a node of a Cluster was taken for a server. */
export function nodeOfCluster(place: string): string {
  return `redis at ${place} is a node of a Cluster, and keeps some keys only: give the transport option cluster, such as { cluster: [{ host, port }] }`
}

export function named({ name, id }: EventKey): string {
  return `event ${quoted(name)} with id ${quoted(id)}`
}

/** One of those that met the same fate. Not by its id: that is nobody's business but its own producer's. */
export function oneOf(count: number, name: string): string {
  return `one of ${count} events ${quoted(name)} of a tick`
}

/** Published, but the server refused to store it. */
export function notKept(key: EventKey, place: string, code: string): NotKeptError {
  const why = isElsewhere(code) ? nodeOfCluster(place) : `redis at ${place} did not store it (${code})`
  return new NotKeptError(`${named(key)} was published, but not stored: ${why}`)
}

/** Published, but in a Cluster the master of its key could not be written to in time. */
export function neverStored(key: EventKey, code: string | undefined): NotKeptError {
  const why = code === undefined ? 'could not be reached' : `refused it (${code})`
  return new NotKeptError(`${named(key)} was published, but not stored: the master of its key in the Cluster ${why}`)
}

/** The same where it is to be kept once, and was therefore not published either. */
export function neverStoredOnce(key: EventKey, code: string | undefined): ConnectionError {
  const why = code === undefined ? 'the server that keeps it could not be reached' : `it was refused for now (${code})`
  return new ConnectionError(`${named(key)} was neither stored nor published: ${why}`)
}

export function closedError(): ClosedError {
  return new ClosedError('this RedisTransport is closed')
}

/** It was sent several times, and by itself in the end. */
export function lostWhenSent(events: string): UncertainError {
  return uncertain(events, 'on any connection: each one was lost when it was sent')
}

/** Written, and nothing was heard of it. */
export function uncertain(events: string, when: string): UncertainError {
  return new UncertainError(`${events} was not acknowledged ${when}: it may have been delivered, or may be yet`)
}
