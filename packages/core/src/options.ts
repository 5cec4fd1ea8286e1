import { jsonCodec, type Codec } from './codec'
import type { Args, EventId, Schemas as SchemasOption } from './contract'
import { Schemas } from './engine/schemas'
import { InvalidArgumentError, UnsupportedError } from './errors'
import type { StandardSchemaV1 } from './standard-schema'
import type { Transport } from './transport'

/** Options of `new ServerEvents(transport, options)`. Unknown ones are refused. */
export interface ServerEventsOptions<C> {
  /** How long a wait lasts, in ms, unless it says otherwise. Default 10_000. Also settable as `events.timeout`. */
  readonly timeout?: number
  /**
   * How long the outcome of an event is kept for late waits, in ms: for all names, or by name.
   * Default: not at all. The emitter's value is the duration; a waiter's says that its waits look
   * for kept outcomes. Needs a transport with a keeper, else UnsupportedError at construction.
   */
  // Without NoInfer, names in `keep` or `listen` would become the only ones that `on` and `emit` take.
  readonly keep?: number | { readonly [K in keyof NoInfer<C>]?: number }
  /** Names whose events are heard from `init` on, so that no wait can come too late. Default none. */
  readonly listen?: readonly NoInfer<keyof C & string>[]
  /**
   * Standard Schemas (zod, valibot, arktype and others) by event name, each of the array of args;
   * synchronous ones. `emit` validates and sends the args as given; who receives validates what
   * arrived and gets what the schema makes of it. What does not validate there is told on `onerror`
   * and dropped. A name without a schema is not validated. Default none.
   */
  readonly schemas?: SchemasOption<C>
  /** How args travel. Default: JSON. */
  readonly codec?: Codec
  /** The largest encoded event, in bytes; a larger one is PayloadTooLargeError at emit. Default 1 MiB. */
  readonly maxPayload?: number
  /** How many waits and streams may be pending; one more rejects with TooManyWaitsError. Default: any number. */
  readonly maxPending?: number
  /** How long `init` and `listen` may take, in ms. Default 10_000. */
  readonly initTimeout?: number
  /** How often, in ms, the store is asked for the outcome of a kept wait that is still pending. Default 20_000. */
  readonly backstop?: number
  /** Called at each emit and fail; what it returns travels with the event (trace context). Default none. */
  readonly headers?: (name: string, id: string) => Readonly<Record<string, string>>
}

/** Options of one wait. */
export interface WaitOptions {
  /** In ms; default: the instance's `timeout`. Positive and finite; rounded up to whole ms. */
  readonly timeout?: number
  /** Rejects the wait with the signal's reason. */
  readonly signal?: AbortSignal
  /** Whether a kept outcome counts. Default true. */
  readonly recall?: boolean
}

/** Options of one stream. */
export interface StreamOptions<A extends Args = readonly unknown[]> extends Omit<WaitOptions, 'timeout'> {
  /** How long the stream lasts without an event, in ms; default: the instance's `timeout`. */
  readonly timeout?: number
  /**
   * Called with the args of each event as it arrives; when it returns true, the stream ends after
   * that event. What it throws ends the stream. Default: only its reader, `fail` or an error ends it.
   */
  readonly until?: (...args: A) => boolean
  /** How many events may be unread; one more ends the stream with OverflowError. Default 1,024. */
  readonly buffer?: number
}

export interface EngineOptions {
  readonly keepFor: (name: string) => number
  readonly listen: readonly string[]
  readonly schemas: Schemas | undefined
  readonly codec: Codec
  readonly maxPayload: number
  readonly maxPending: number
  readonly initTimeout: number
  readonly backstop: number
  readonly headers: ((name: string, id: string) => Readonly<Record<string, string>>) | undefined
}

export const defaultTimeout = 10_000
const maxBytes = 512

export function resolveOptions(
  transport: Transport,
  options: ServerEventsOptions<Record<string, Args>>,
): EngineOptions {
  refuseUnknown(options, [
    'timeout',
    'keep',
    'listen',
    'schemas',
    'codec',
    'maxPayload',
    'maxPending',
    'initTimeout',
    'backstop',
    'headers',
  ])
  const {
    keep,
    listen = [],
    schemas,
    codec = jsonCodec,
    maxPayload,
    maxPending,
    initTimeout,
    backstop,
    headers,
  } = options
  if (!Array.isArray(listen)) throw new InvalidArgumentError('option listen must be an array of event names')
  if (!isCodec(codec)) throw new InvalidArgumentError('option codec must have the functions encode and decode')
  if (headers !== undefined && typeof headers !== 'function') {
    throw new InvalidArgumentError('option headers must be a function (name, id) => object of strings')
  }
  if (keep !== undefined && transport.keeper === undefined) {
    throw new UnsupportedError('option keep needs a transport that keeps outcomes, and this one has no keeper')
  }
  return {
    keepFor: resolveKeep(keep),
    listen: [...new Set(listen.map(checkName))],
    schemas: resolveSchemas(schemas),
    codec,
    maxPayload: maxPayload === undefined ? 1024 * 1024 : checkCount(maxPayload, 'option maxPayload'),
    maxPending: maxPending === undefined ? Infinity : checkCount(maxPending, 'option maxPending'),
    initTimeout: initTimeout === undefined ? 10_000 : checkDuration(initTimeout, 'option initTimeout'),
    backstop: backstop === undefined ? 20_000 : checkDuration(backstop, 'option backstop'),
    headers,
  }
}

function resolveKeep(keep: unknown): (name: string) => number {
  if (keep === undefined) return () => 0
  if (keep instanceof Map || Array.isArray(keep)) {
    throw new InvalidArgumentError('option keep must be a number of ms, or an object of them by event name')
  }
  if (typeof keep !== 'object' || keep === null) {
    const all = checkDuration(keep, 'option keep')
    return () => all
  }
  const byName = new Map(
    Object.entries(keep)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [checkName(name), checkDuration(value, `option keep of ${JSON.stringify(name)}`)]),
  )
  return (name) => byName.get(name) ?? 0
}

function resolveSchemas(schemas: unknown): Schemas | undefined {
  if (schemas === undefined) return undefined
  if (typeof schemas !== 'object' || schemas === null) {
    throw new InvalidArgumentError('option schemas must be an object of Standard Schemas by event name')
  }
  const byName = new Map<string, StandardSchemaV1>()
  for (const [name, schema] of Object.entries(schemas) as [string, unknown][]) {
    if (schema === undefined) continue
    if (!isSchema(schema)) {
      throw new InvalidArgumentError(
        `option schemas of ${JSON.stringify(name)} must be a Standard Schema, which has a function ~standard.validate`,
      )
    }
    byName.set(checkName(name), schema)
  }
  return byName.size === 0 ? undefined : new Schemas(byName)
}

export interface ResolvedWait {
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  readonly recall: boolean
}

export function resolveWait(options: number | WaitOptions | undefined, timeout: number): ResolvedWait {
  if (options === undefined) return { timeout, signal: undefined, recall: true }
  if (typeof options === 'number')
    return { timeout: checkDuration(options, 'timeout'), signal: undefined, recall: true }
  refuseUnknown(options, ['timeout', 'signal', 'recall'])
  const { signal, recall = true } = options
  if (signal !== undefined && !isAbortSignal(signal)) throw new InvalidArgumentError('signal must be an AbortSignal')
  if (typeof recall !== 'boolean') throw new InvalidArgumentError('recall must be true or false')
  return {
    timeout: options.timeout === undefined ? timeout : checkDuration(options.timeout, 'timeout'),
    signal,
    recall,
  }
}

export interface ResolvedStream extends ResolvedWait {
  readonly until: ((...args: Args) => unknown) | undefined
  readonly buffer: number
}

export function resolveStream(options: StreamOptions<never> = {}, timeout: number): ResolvedStream {
  refuseUnknown(options, ['timeout', 'signal', 'recall', 'until', 'buffer'])
  const { until, buffer, ...wait } = options
  if (until !== undefined) checkListener(until, 'until')
  return {
    ...resolveWait(wait, timeout),
    until: until as ResolvedStream['until'],
    buffer: buffer === undefined ? 1024 : checkCount(buffer, 'buffer'),
  }
}

/** How long a drain may take, in ms; 0 by default. */
export function resolveDrain(options: { readonly drain?: number } | undefined): number {
  if (options === undefined) return 0
  refuseUnknown(options, ['drain'])
  const { drain = 0 } = options
  if (typeof drain !== 'number' || !Number.isFinite(drain) || drain < 0) {
    throw new InvalidArgumentError('drain must be a number of ms, 0 or more')
  }
  return Math.ceil(drain)
}

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

export function checkListener(listener: unknown, what: string): void {
  if (typeof listener !== 'function') throw new InvalidArgumentError(`${what} must be a function`)
}

function checkText(text: string, what: string): string {
  if (text === '') throw new InvalidArgumentError(`${what} must not be empty`)
  if (!text.isWellFormed())
    throw new InvalidArgumentError(`${what} must be well-formed Unicode, without lone surrogates`)
  // A UTF-16 unit is at most 3 bytes of UTF-8.
  if (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes) {
    throw new InvalidArgumentError(`${what} must be at most ${maxBytes} bytes of UTF-8`)
  }
  return text
}

function checkCount(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError(`${what} must be a positive integer`)
}

/** Not by instanceof: signals of polyfills and of other realms are as good. */
function isAbortSignal(signal: unknown): signal is AbortSignal {
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function'
}

function isCodec(codec: unknown): codec is Codec {
  const { encode, decode } = (codec ?? {}) as Partial<Codec>
  return typeof encode === 'function' && typeof decode === 'function'
}

function isSchema(schema: unknown): schema is StandardSchemaV1 {
  const standard = ((schema ?? {}) as Partial<StandardSchemaV1>)['~standard']
  return typeof (standard as Partial<StandardSchemaV1['~standard']> | undefined)?.validate === 'function'
}

function refuseUnknown(options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidArgumentError(`options must be an object, not ${typeName(options)}`)
  }
  const unknown = Object.keys(options).filter((key) => !known.includes(key))
  if (unknown.length === 0) return
  throw new InvalidArgumentError(`unknown option ${unknown.join(', ')}: there are ${known.join(', ')}`)
}

function typeName(value: unknown): string {
  return value === null ? 'null' : typeof value === 'number' ? String(value) : typeof value
}
