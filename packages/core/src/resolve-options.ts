import {
  checkCount,
  checkDuration,
  checkId,
  checkListener,
  checkName,
  isAbortSignal,
  isCodec,
  isSchema,
  refuseUnknown,
} from './checks'
import { jsonCodec } from './codec'
import type { Args } from './event-map'
import { InvalidArgumentError, UnsupportedError } from './errors'
import type {
  EngineOptions,
  Keep,
  RequestOptions,
  ResolvedRequest,
  ResolvedStream,
  ResolvedWait,
  ResolvedWanted,
  ServerEventsOptions,
  StreamOptions,
  WaitOptions,
  WantedOptions,
} from './options'
import type { StandardSchemaV1 } from './standard-schema'
import type { Transport } from './transport'

export const DEFAULT_TIMEOUT = 10_000

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
    'name',
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
    name,
  } = options
  if (!Array.isArray(listen)) throw new InvalidArgumentError('option listen must be an array of event names')
  if (!isCodec(codec)) throw new InvalidArgumentError('option codec must have the functions encode and decode')
  if (headers !== undefined && typeof headers !== 'function') {
    throw new InvalidArgumentError('option headers must be a function (name, id) => object of strings')
  }
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    throw new InvalidArgumentError('option name must be a string that is not empty')
  if (keep !== undefined && transport.keeper === undefined) {
    throw new UnsupportedError('option keep needs a transport that keeps outcomes, and this one has no keeper')
  }
  const kept = resolveKeep(keep)
  if (kept.once.size > 0 && transport.keeper?.once !== true) {
    throw new UnsupportedError(
      'option keep with once needs a transport that keeps the first outcome, and this one cannot',
    )
  }
  return {
    keepFor: kept.keepFor,
    isOnce: (name) => kept.once.has(name),
    listen: [...new Set(listen.map(checkName))],
    schemas: resolveSchemas(schemas),
    codec,
    maxPayload: maxPayload === undefined ? 1024 * 1024 : checkCount(maxPayload, 'option maxPayload'),
    maxPending: maxPending === undefined ? Infinity : checkCount(maxPending, 'option maxPending'),
    initTimeout: initTimeout === undefined ? 10_000 : checkDuration(initTimeout, 'option initTimeout'),
    backstop: backstop === undefined ? 20_000 : checkDuration(backstop, 'option backstop'),
    headers,
    name,
  }
}

function resolveKeep(keep: unknown): Pick<EngineOptions, 'keepFor'> & { readonly once: ReadonlySet<string> } {
  const once = new Set<string>()
  if (keep === undefined) return { keepFor: () => 0, once }
  if (keep instanceof Map || Array.isArray(keep)) {
    throw new InvalidArgumentError('option keep must be a number of ms, or an object of them by event name')
  }
  if (typeof keep !== 'object' || keep === null) {
    const all = checkDuration(keep, 'option keep')
    return { keepFor: () => all, once }
  }
  const byName = new Map<string, number>()
  for (const [name, value] of Object.entries(keep) as [string, unknown][]) {
    if (value === undefined) continue
    const kept = checkKeep(value, `option keep of ${JSON.stringify(checkName(name))}`)
    byName.set(name, kept.ms)
    if (kept.once === true) once.add(name)
  }
  return { keepFor: (name) => byName.get(name) ?? 0, once }
}

function checkKeep(value: unknown, what: string): Keep {
  if (typeof value !== 'object') return { ms: checkDuration(value, what) }
  const { ms, once, ...others } = (value ?? {}) as { readonly ms?: unknown; readonly once?: unknown }
  const isKnown = Object.keys(others).length === 0 && (once === undefined || once === true)
  if (!isKnown) throw new InvalidArgumentError(`${what} must be a number of ms, or { ms, once: true }`)
  return { ms: checkDuration(ms, `ms of ${what}`), once }
}

function resolveSchemas(schemas: unknown): ReadonlyMap<string, StandardSchemaV1> {
  if (schemas === undefined) return new Map()
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
  return byName
}

export function resolveWait(options: number | WaitOptions | undefined, timeout: number): ResolvedWait {
  if (options === undefined) return { timeout, signal: undefined, recall: true }
  if (typeof options === 'number')
    return { timeout: checkDuration(options, 'timeout'), signal: undefined, recall: true }
  refuseUnknown(options, ['timeout', 'signal', 'recall'])
  const { signal, recall = true } = options
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw new InvalidArgumentError('signal must be an AbortSignal, with addEventListener and removeEventListener')
  }
  if (typeof recall !== 'boolean') throw new InvalidArgumentError('recall must be true or false')
  return {
    timeout: options.timeout === undefined ? timeout : checkDuration(options.timeout, 'timeout'),
    signal,
    recall,
  }
}

export function resolveRequest(
  options: number | RequestOptions | undefined,
  timeout: number,
  createId: () => string,
): ResolvedRequest {
  if (options === undefined || typeof options === 'number') return { ...resolveWait(options, timeout), id: createId() }
  refuseUnknown(options, ['timeout', 'signal', 'recall', 'id'])
  const { id, ...wait } = options
  return { ...resolveWait(wait, timeout), id: id === undefined ? createId() : checkId(id) }
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

export function resolveWanted(options: WantedOptions = {}): ResolvedWanted {
  refuseUnknown(options, ['every', 'within'])
  const { every = 10_000, within = 5_000 } = options
  return { every: checkDuration(every, 'every'), within: checkDuration(within, 'within') }
}

/** How long a drain may take, in ms; 0 by default. */
export function resolveDrain(options: { readonly drain?: number | undefined } | undefined): number {
  if (options === undefined) return 0
  refuseUnknown(options, ['drain'])
  const { drain = 0 } = options
  if (typeof drain !== 'number' || !Number.isFinite(drain) || drain < 0) {
    throw new InvalidArgumentError('drain must be a number of ms, 0 or more')
  }
  return Math.ceil(drain)
}
