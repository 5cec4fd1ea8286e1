import type { Codec } from './codec'
import type { EventId } from './event-map'
import { InvalidArgumentError } from './errors'
import type { StandardSchemaV1 } from './standard-schema'
import type { EventKey, Transport } from './transport'

/** Of a name or an id, in UTF-8. */
const MAX_BYTES = 512

/** A positive, finite number of ms, rounded up to whole ones. */
export function checkDuration(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return Math.ceil(value)
  throw new InvalidArgumentError(`${what} must be a positive, finite number of ms`)
}

export function checkName(name: unknown): string {
  if (typeof name !== 'string')
    throw new InvalidArgumentError(`an event's name must be a string, not ${typeName(name)}`)
  return checkText(name, "an event's name")
}

export function checkId(id: EventId): string {
  if (typeof id === 'string') return checkText(id, "an event's id")
  if (typeof id === 'number' && Number.isFinite(id)) return String(id)
  if (typeof id === 'bigint') return checkText(String(id), "an event's id")
  throw new InvalidArgumentError(`an event's id must be a string, finite number or bigint, not ${typeName(id)}`)
}

export function checkKey(name: unknown, id: EventId): EventKey {
  return { name: checkName(name), id: checkId(id) }
}

export function checkListener(listener: unknown, what: string): void {
  if (typeof listener !== 'function') throw new InvalidArgumentError(`${what} must be a function`)
}

function checkText(text: string, what: string): string {
  if (text === '') throw new InvalidArgumentError(`${what} must not be empty`)
  if (!text.isWellFormed())
    throw new InvalidArgumentError(`${what} must be well-formed Unicode, without lone surrogates`)
  // A UTF-16 unit is at most 3 bytes of UTF-8.
  if (text.length * 3 > MAX_BYTES && Buffer.byteLength(text) > MAX_BYTES) {
    throw new InvalidArgumentError(`${what} must be at most ${MAX_BYTES} bytes of UTF-8`)
  }
  return text
}

export function checkCount(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError(`${what} must be a positive integer`)
}

/** Not by instanceof: signals of polyfills and of other realms are as good. */
export function isAbortSignal(signal: unknown): signal is AbortSignal {
  try {
    const { aborted, addEventListener, removeEventListener } = (signal ?? {}) as Partial<AbortSignal>
    const listens = typeof addEventListener === 'function' && typeof removeEventListener === 'function'
    return typeof aborted === 'boolean' && listens
  } catch {
    // A getter of it threw.
    return false
  }
}

export function isCodec(codec: unknown): codec is Codec {
  const { encode, decode } = (codec ?? {}) as Partial<Codec>
  return typeof encode === 'function' && typeof decode === 'function'
}

export function isSchema(schema: unknown): schema is StandardSchemaV1 {
  const standard = ((schema ?? {}) as Partial<StandardSchemaV1>)['~standard']
  return typeof (standard as Partial<StandardSchemaV1['~standard']> | undefined)?.validate === 'function'
}

export function refuseUnknown(options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const hint =
      known.includes('timeout') || known.includes('drain') ? '; durations are numbers of ms, such as 5000' : ''
    throw new InvalidArgumentError(`options must be an object, not ${typeName(options)}${hint}`)
  }
  const unknown = Object.keys(options).filter((key) => !known.includes(key))
  if (unknown.length === 0) return
  throw new InvalidArgumentError(`unknown option ${unknown.join(', ')}: there are ${known.join(', ')}`)
}

function typeName(value: unknown): string {
  return value === null ? 'null' : typeof value === 'number' ? String(value) : typeof value
}

export function checkTransport(transport: unknown): asserts transport is Transport {
  const { attach, connect, publish, subscribe, unsubscribe, close } = (transport ?? {}) as Partial<Transport>
  const complete = [attach, connect, publish, subscribe, unsubscribe, close].every((part) => typeof part === 'function')
  if (complete) return
  const example =
    typeof transport === 'string' ? `for this URL, ${transportFor(transport)}` : `such as ${transportFor('redis:')}`
  throw new InvalidArgumentError(
    `the first argument must be a transport, ${example} or new MemoryTransport() of @server-events/memory`,
  )
}

function transportFor(url: string): string {
  if (/^(nats|tls|wss?):/i.test(url)) return 'new NatsTransport(url) of @server-events/nats'
  if (/^postgres(ql)?:/i.test(url)) return 'new PostgresTransport(url) of @server-events/postgres'
  return 'new RedisTransport(url) of @server-events/redis'
}
