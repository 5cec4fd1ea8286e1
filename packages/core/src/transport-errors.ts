import { ConnectionError, errorTable, ServerEventsError, UncertainError, type ErrorOptions } from './errors'

type Rewritable = new (message: string, options?: ErrorOptions & { channel?: string | undefined }) => ServerEventsError

/** The classes that a transport may reject with. The others are the engine's own. */
const transportErrors = new Map<string, Rewritable>(
  [
    errorTable.ClosedError,
    errorTable.ConnectionError,
    errorTable.AuthError,
    errorTable.ForbiddenError,
    errorTable.InvalidArgumentError,
    errorTable.SerializationError,
    errorTable.PayloadTooLargeError,
    errorTable.UncertainError,
    errorTable.NotKeptError,
    errorTable.AlreadySettledError,
    errorTable.SealError,
    errorTable.UnsupportedError,
  ].map(({ class: constructor }) => [constructor.code, constructor]),
)

/**
 * A fresh error of ours for whatever a transport gave: each promise rejects with one of its own,
 * whose stack can name its own caller. Of an error without one of our codes only the name is
 * passed on, since a client library's message or properties may hold a payload or a password.
 */
export function fromTransport(error: unknown): ServerEventsError {
  const { code, message, channel, cause } = (typeof error === 'object' && error !== null ? error : {}) as {
    code?: unknown
    message?: unknown
    channel?: unknown
    cause?: unknown
  }
  const known = typeof code === 'string' ? transportErrors.get(code) : undefined
  if (known !== undefined) {
    return new known(String(message), {
      ...(cause instanceof ServerEventsError ? { cause } : {}),
      ...(typeof channel === 'string' ? { channel } : {}),
    })
  }
  const name = error instanceof Error ? error.name : typeof error
  return new UncertainError(
    `the transport failed with ${name}, which is none of our errors: it may have done what was asked, or not`,
  )
}

/** For what is told of a connection: there is nothing that could be uncertain. */
export function fromConnection(error: unknown): ServerEventsError {
  const wrapped = fromTransport(error)
  return wrapped instanceof UncertainError ? new ConnectionError(wrapped.message) : wrapped
}
