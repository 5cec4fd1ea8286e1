import { SerializationError, type RemoteFailure } from '../errors'

/** What travels of an error given to `fail`: always JSON, never a stack or a cause. */
interface Failure {
  name: string
  message: string
  code?: string | number
  data?: unknown
}

export interface EncodedFailure {
  readonly body: string
  /** What could not travel as it was, in words; empty if all could. */
  readonly changed: readonly string[]
}

/** Every transport carries a failure of so many bytes: it has to carry 65,536 (contract 6), of which `sealed` takes a quarter. */
export const CARRIED_BY_ALL = 48_000

/**
 * A failure of at most so many bytes, whatever the error holds: somebody waits for it. `data` that
 * cannot travel is left out, then the texts are cut, those first that are least needed, to what
 * every transport carries. What is left without any text is sent even if that is more.
 */
export function encodeFailure(error: unknown, maxBytes: number): EncodedFailure {
  const failure = describeFailure(error)
  const changed: string[] = []
  let body = stringified(failure)
  if (failure.data !== undefined && (body === undefined || Buffer.byteLength(body) > maxBytes)) {
    delete failure.data
    changed.push('data was left out')
    body = undefined
  }
  body ??= JSON.stringify(failure)
  const room = Buffer.byteLength(body) <= maxBytes ? maxBytes : Math.min(maxBytes, CARRIED_BY_ALL)
  for (const key of ['message', 'name', 'code'] as const) {
    const text = failure[key]
    if (Buffer.byteLength(body) <= room || typeof text !== 'string') continue
    failure[key] = cut(text, room, (part) => Buffer.byteLength(JSON.stringify({ ...failure, [key]: part })) <= room)
    changed.push(`${key} was cut`)
    body = JSON.stringify(failure)
  }
  return { body, changed }
}

/** Undefined when JSON refuses its data. */
function stringified(failure: Failure): string | undefined {
  try {
    return JSON.stringify(failure)
  } catch {
    return undefined
  }
}

/** The longest beginning that fits, in whole code points; in time by `room`, not by what is too long for it. */
function cut(text: string, room: number, fits: (part: string) => boolean): string {
  if (!fits('')) return ''
  let [fitting, over] = [0, Math.min(text.length, room)]
  while (over - fitting > 1) {
    const middle = (fitting + over) >> 1
    if (fits(whole(text, middle))) fitting = middle
    else over = middle
  }
  return whole(text, fitting)
}

function whole(text: string, length: number): string {
  const splits = /[\uD800-\uDBFF]/.test(text.charAt(length - 1)) && /[\uDC00-\uDFFF]/.test(text.charAt(length))
  return text.slice(0, splits ? length - 1 : length)
}

function describeFailure(error: unknown): Failure {
  if (typeof error !== 'object' || error === null) return { name: 'Error', message: String(error) }
  const [name, message, code, data] = ['name', 'message', 'code', 'data'].map((key) => read(error, key))
  const failure: Failure = {
    name: typeof name === 'string' ? name : 'Error',
    message: typeof message === 'string' ? message : '',
  }
  if (typeof code === 'string' || typeof code === 'number') failure.code = code
  if (data !== undefined) failure.data = data
  return failure
}

/** A getter that throws must not keep the failure from those who wait for it. */
function read(error: object, key: string): unknown {
  try {
    return (error as Record<string, unknown>)[key]
  } catch {
    return undefined
  }
}

/** Throws SerializationError for anything that `encodeFailure` did not make. */
export function decodeFailure(event: string, id: string, body: string | Uint8Array): RemoteFailure {
  const failure = parse(body)
  if (typeof failure !== 'object' || failure === null) throw unreadable()
  const { name, message, code, data } = failure as Record<string, unknown>
  if (typeof name !== 'string' || typeof message !== 'string') throw unreadable()
  return {
    event,
    id,
    remoteName: name,
    message,
    remoteCode: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    data,
  }
}

function parse(body: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body))
  } catch {
    throw unreadable()
  }
}

function unreadable(): SerializationError {
  return new SerializationError('not a failure')
}
