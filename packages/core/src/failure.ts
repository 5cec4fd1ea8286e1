import { SerializationError, type RemoteFailure } from './errors'

/** What travels of an error given to `fail`: always JSON, never a stack or a cause. */
interface Failure {
  name: string
  message: string
  code?: string | number
  data?: unknown
}

/** `undataed` is set when the error's `data` cannot travel: the failure then goes without it. */
export function encodeFailure(error: unknown, withData: boolean): { body: string; undataed: boolean } {
  const failure = describeFailure(error)
  if (!withData && failure.data !== undefined) {
    delete failure.data
    return { body: JSON.stringify(failure), undataed: true }
  }
  try {
    return { body: JSON.stringify(failure), undataed: false }
  } catch {
    delete failure.data
    return { body: JSON.stringify(failure), undataed: true }
  }
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
