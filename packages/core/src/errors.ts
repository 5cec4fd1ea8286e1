import { timeoutMessage, type TimeoutDetails } from './timeout-details'

export type { TimeoutDetails } from './timeout-details'

/**
 * Every error that reaches a user. Each class has one stable `code`; the message says what to do;
 * none carries a secret or a payload (but for what a producer gave to `fail`). A `cause` is an
 * error of ours as well, never the object of a client library: those hold commands and passwords.
 */

const brand: unique symbol = Symbol.for('server-events.error') as never

/** What every error of ours takes beside its message. */
export interface ErrorOptions {
  /** An error without secrets or payloads; never the client library's own. */
  readonly cause?: Error | undefined
}

/** The root of all errors of this library. */
export abstract class ServerEventsError extends Error {
  /** Stable across versions: what programs should compare. */
  readonly code: string
  readonly [brand] = true

  protected constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    Object.defineProperty(this, brand, { enumerable: false })
  }

  /** Holds across two installed copies of this package: it asks for the brand and the code, not for the prototype. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (!isBranded(value)) return false
    if (this === ServerEventsError) return true
    return Object.hasOwn(this, 'code')
      ? value.code === (this as unknown as { code: string }).code
      : Function.prototype[Symbol.hasInstance].call(this, value)
  }
}

function isBranded(value: unknown): value is { code: string } {
  return typeof value === 'object' && value !== null && brand in value
}

/** No event came in time. */
export class TimeoutError extends ServerEventsError implements TimeoutDetails {
  static readonly code = 'ERR_TIMEOUT'
  readonly event: string
  readonly id: string
  readonly timeout: number
  readonly subscribed: boolean
  readonly disconnected: number
  readonly recalled: 'never' | 'unanswered' | 'answered'

  constructor(details: TimeoutDetails) {
    super(TimeoutError.code, timeoutMessage(details))
    this.event = details.event
    this.id = details.id
    this.timeout = details.timeout
    this.subscribed = details.subscribed
    this.disconnected = details.disconnected
    this.recalled = details.recalled
  }
}

/** What travels of an error that a producer gave to `fail`. */
export interface RemoteFailure {
  /** The name of the event that failed. */
  readonly event: string
  /** Its id, as text. */
  readonly id: string
  /** The `name` of the producer's error. */
  readonly remoteName: string
  readonly message: string
  /** Its `code`, if it had one. */
  readonly remoteCode?: string | number | undefined
  /** Its `data`, if it had any that JSON can carry. */
  readonly data?: unknown
}

/** The producer called `fail`: its error's name, message, code and data, without stack or cause. */
export class RemoteError extends ServerEventsError {
  static readonly code = 'ERR_REMOTE'
  /** The name of the event that failed. */
  readonly event: string
  /** Its id, as text. */
  readonly id: string
  /** The `name` of the producer's error; `name` is this class. */
  readonly remoteName: string
  /** The `code` of the producer's error; `code` is this class's. */
  readonly remoteCode: string | number | undefined
  /** The `data` of the producer's error. Not validated. */
  readonly data: unknown

  constructor(failure: RemoteFailure) {
    super(RemoteError.code, failure.message)
    this.event = failure.event
    this.id = failure.id
    this.remoteName = failure.remoteName
    this.remoteCode = failure.remoteCode
    this.data = failure.data
  }
}

/** The instance is closing or closed. */
export class ClosedError extends ServerEventsError {
  static readonly code = 'ERR_CLOSED'
  constructor(message = 'this ServerEvents is closed: make a new one', options?: ErrorOptions) {
    super(ClosedError.code, message, options)
  }
}

/** The server could not be reached; nothing was sent and nothing will be. */
export class ConnectionError extends ServerEventsError {
  static readonly code = 'ERR_CONNECTION'
  /** It never left, and will not take effect later. */
  readonly sent = false
  constructor(message: string, options?: ErrorOptions) {
    super(ConnectionError.code, message, options)
  }
}

/** The server refused the credentials. */
export class AuthError extends ServerEventsError {
  static readonly code = 'ERR_AUTH'
  constructor(message: string, options?: ErrorOptions) {
    super(AuthError.code, message, options)
  }
}

/** The server's access rules refuse this channel or key. */
export class ForbiddenError extends ServerEventsError {
  static readonly code = 'ERR_FORBIDDEN'
  /** The channel, pattern or key that was refused. */
  readonly channel: string | undefined
  constructor(message: string, options?: ErrorOptions & { readonly channel?: string | undefined }) {
    super(ForbiddenError.code, message, options)
    this.channel = options?.channel
  }
}

/** An argument or option is not what it must be; nothing was sent. */
export class InvalidArgumentError extends ServerEventsError {
  static readonly code = 'ERR_INVALID_ARGUMENT'
  constructor(message: string, options?: ErrorOptions) {
    super(InvalidArgumentError.code, message, options)
  }
}

/** The codec cannot carry these args, or a message could not be read. */
export class SerializationError extends ServerEventsError {
  static readonly code = 'ERR_SERIALIZATION'
  constructor(message: string, options?: ErrorOptions) {
    super(SerializationError.code, message, options)
  }
}

/** One thing that a schema has against args. */
export interface ValidationIssue {
  /** From the args on: `[1, 'url']` is the property `url` of the second one. */
  readonly path: readonly (string | number)[]
  /** Of the schema library, with `…` where it repeats a value of the args. */
  readonly message: string
}

/** Args did not validate against the schema of their event. */
export class ValidationError extends ServerEventsError {
  static readonly code = 'ERR_VALIDATION'
  /** Empty when the schema could not be asked. */
  readonly issues: readonly ValidationIssue[]
  constructor(message: string, options?: ErrorOptions & { readonly issues?: readonly ValidationIssue[] }) {
    super(ValidationError.code, message, options)
    this.issues = options?.issues ?? []
  }
}

/** A message is larger than `maxPayload`. */
export class PayloadTooLargeError extends ServerEventsError {
  static readonly code = 'ERR_PAYLOAD_TOO_LARGE'
  constructor(message: string, options?: ErrorOptions) {
    super(PayloadTooLargeError.code, message, options)
  }
}

/** `maxPending` waits are pending already. */
export class TooManyWaitsError extends ServerEventsError {
  static readonly code = 'ERR_TOO_MANY_WAITS'
  constructor(message: string, options?: ErrorOptions) {
    super(TooManyWaitsError.code, message, options)
  }
}

/** An emit whose acknowledgement never came: it may have been delivered, or may be yet. */
export class UncertainError extends ServerEventsError {
  static readonly code = 'ERR_UNCERTAIN'
  constructor(message: string, options?: ErrorOptions) {
    super(UncertainError.code, message, options)
  }
}

/** Published, but not stored: late waits will not get it. */
export class NotKeptError extends ServerEventsError {
  static readonly code = 'ERR_NOT_KEPT'
  constructor(message: string, options?: ErrorOptions) {
    super(NotKeptError.code, message, options)
  }
}

/** Of a name that is kept `once`: another outcome was kept first. That one holds, and was announced again. */
export class AlreadySettledError extends ServerEventsError {
  static readonly code = 'ERR_ALREADY_SETTLED'
  constructor(message: string, options?: ErrorOptions) {
    super(AlreadySettledError.code, message, options)
  }
}

/** What came, or is kept, was not sealed with a secret that is known here (`server-events/sealed`): it is dropped. */
export class SealError extends ServerEventsError {
  static readonly code = 'ERR_SEAL'
  constructor(message: string, options?: ErrorOptions) {
    super(SealError.code, message, options)
  }
}

/** A stream's buffer is full. */
export class OverflowError extends ServerEventsError {
  static readonly code = 'ERR_OVERFLOW'
  constructor(message: string, options?: ErrorOptions) {
    super(OverflowError.code, message, options)
  }
}

/** Nobody waits any more for what a worker does: why the signal of `wanted` aborts. */
export class UnwantedError extends ServerEventsError {
  static readonly code = 'ERR_UNWANTED'
  constructor(message: string, options?: ErrorOptions) {
    super(UnwantedError.code, message, options)
  }
}

/** This transport, wire or server cannot do that. */
export class UnsupportedError extends ServerEventsError {
  static readonly code = 'ERR_UNSUPPORTED'
  constructor(message: string, options?: ErrorOptions) {
    super(UnsupportedError.code, message, options)
  }
}

interface ErrorRow {
  readonly class: { readonly code: string; readonly prototype: ServerEventsError }
  readonly meaning: string
}

/** Name of the class -> class and meaning. docs/errors.md is held against this table by a test. */
export const errorTable = {
  TimeoutError: { class: TimeoutError, meaning: 'No event came in time.' },
  RemoteError: { class: RemoteError, meaning: 'The producer called `fail`.' },
  ClosedError: { class: ClosedError, meaning: 'The instance is closing or closed.' },
  ConnectionError: { class: ConnectionError, meaning: 'The server could not be reached; nothing was sent.' },
  AuthError: { class: AuthError, meaning: 'The server refused the credentials.' },
  ForbiddenError: { class: ForbiddenError, meaning: "The server's access rules refuse this channel or key." },
  InvalidArgumentError: { class: InvalidArgumentError, meaning: 'An argument or option is not what it must be.' },
  SerializationError: { class: SerializationError, meaning: 'The codec cannot carry these args, or read a message.' },
  ValidationError: { class: ValidationError, meaning: 'Args did not validate against the schema of their event.' },
  PayloadTooLargeError: { class: PayloadTooLargeError, meaning: 'A message is larger than `maxPayload`.' },
  TooManyWaitsError: { class: TooManyWaitsError, meaning: '`maxPending` waits are pending already.' },
  UncertainError: { class: UncertainError, meaning: 'Sent, never acknowledged: it may have been delivered.' },
  NotKeptError: { class: NotKeptError, meaning: 'Published, but not stored for late waits.' },
  AlreadySettledError: { class: AlreadySettledError, meaning: 'Another outcome was kept `once`, and holds.' },
  SealError: { class: SealError, meaning: 'A message was not sealed with a known secret.' },
  OverflowError: { class: OverflowError, meaning: "A stream's buffer is full." },
  UnwantedError: { class: UnwantedError, meaning: 'Nobody waits any more for what a worker does.' },
  UnsupportedError: { class: UnsupportedError, meaning: 'This transport, wire or server cannot do that.' },
} satisfies Record<string, ErrorRow>

// On the prototype, because V8 writes the stack's first line from there before a constructor body runs.
for (const [name, { class: constructor }] of Object.entries(errorTable)) {
  Object.defineProperty(constructor.prototype, 'name', { value: name, configurable: true, writable: true })
}
