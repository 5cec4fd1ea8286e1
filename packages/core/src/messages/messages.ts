import type { Codec } from '../codec'
import type { Args } from '../event-map'
import { InvalidArgumentError, PayloadTooLargeError, SerializationError, ServerEventsError } from '../errors'
import { decodeFailure, encodeFailure } from './failure'
import type { EngineOptions } from '../options'
import { quoted } from '../text'
import type { EventKey, Message } from '../transport'
import { isThenable } from '../base/guard'
import type { Telling } from '../observe/diagnostics'
import { Reading } from './reading'
import { Schemas } from './schemas'

/** Slack for what other settings of maxPayload, codecs and frames may add on the way. */
const SLACK = 256 * 1024

export interface FailureMessage {
  readonly message: Message
  /** What of the error could not travel as it is, in words. */
  readonly changed: readonly string[]
}

/** Makes messages of args and failures, and reads them again. */
export class Messages {
  readonly #codec: Codec
  readonly #maxPayload: number
  readonly #schemas: Schemas | undefined
  readonly #headers: EngineOptions['headers']
  readonly #telling: Telling

  constructor({ codec, maxPayload, schemas, headers }: EngineOptions, telling: Telling) {
    this.#codec = codec
    this.#maxPayload = maxPayload
    this.#schemas = schemas.size === 0 ? undefined : new Schemas(schemas)
    this.#headers = headers
    this.#telling = telling
  }

  /** Throws ValidationError, UnsupportedError, SerializationError and PayloadTooLargeError. */
  event(key: EventKey, args: Args, kept: boolean): Message {
    this.#schemas?.check(key.name, args)
    return this.#message(key, this.#encode(key, args), kept)
  }

  /** Of at most so many bytes, and at most maxPayload. Throws nothing but for what is no error of size. */
  failure(key: EventKey, error: unknown, kept: boolean, mostBytes = Infinity): FailureMessage {
    const { body, changed } = encodeFailure(error, Math.min(mostBytes, this.#maxPayload))
    const headers = this.#telling.sending(key, 'failure', this.#headersFor(key))
    const message = { kind: 'failure', body, kept } as const
    if (headers === undefined) return { message, changed }
    // Better without than not at all: somebody waits for it.
    if (exceeds(JSON.stringify(headers), this.#maxPayload)) {
      return { message, changed: [...changed, 'headers were left out'] }
    }
    return { message: { ...message, headers }, changed }
  }

  /** Throws PayloadTooLargeError for what no producer with these settings would have sent. */
  checkSize({ name }: EventKey, { body, headers }: Message): void {
    const limit = this.#maxPayload * 2 + SLACK
    if (exceeds(body, limit) || (headers !== undefined && exceeds(JSON.stringify(headers), limit))) {
      throw new PayloadTooLargeError(`a message of event ${quoted(name)} was dropped: it is too large for maxPayload`)
    }
  }

  /** What is to be read for several: `shared` says whether more than one will ask. */
  reading(key: EventKey, message: Message, shared: boolean): Reading {
    return new Reading(this, key, message, shared)
  }

  /** Throws SerializationError, ValidationError, UnsupportedError. */
  args(key: EventKey, message: Message): Args {
    return this.validated(key, this.decoded(key, message))
  }

  /** What the codec makes of the body. Throws SerializationError. */
  decoded({ name }: EventKey, { body }: Message): Args {
    let args: unknown
    try {
      args = this.#codec.decode(body)
    } catch {
      args = undefined
    }
    if (Array.isArray(args)) return args
    throw new SerializationError(`a message of event ${quoted(name)} was dropped: the codec cannot read it`)
  }

  /** What the schema of the name makes of args that arrived. Throws ValidationError, UnsupportedError. */
  validated({ name }: EventKey, args: Args): Args {
    return this.#schemas === undefined ? args : this.#schemas.read(name, args)
  }

  /** Throws SerializationError. */
  remoteFailure({ name, id }: EventKey, { body }: Message): ReturnType<typeof decodeFailure> {
    try {
      return decodeFailure(name, id, body)
    } catch {
      throw new SerializationError(`a failure of event ${quoted(name)} was dropped: it cannot be read`)
    }
  }

  #encode({ name }: EventKey, args: Args): string | Uint8Array {
    let body: unknown
    try {
      body = this.#codec.encode(args)
    } catch (error) {
      if (error instanceof ServerEventsError) throw error
      const what = error instanceof Error ? error.name : typeof error
      throw new SerializationError(`the codec cannot carry the args of event ${quoted(name)}: encode threw ${what}`)
    }
    if (typeof body === 'string' || body instanceof Uint8Array) return body
    throw new SerializationError(
      `the codec cannot carry the args of event ${quoted(name)}: encode must return a string or a Uint8Array`,
    )
  }

  #message(key: EventKey, body: string | Uint8Array, kept: boolean): Message {
    if (exceeds(body, this.#maxPayload)) {
      throw new PayloadTooLargeError(
        `event ${quoted(key.name)} is over maxPayload of ${this.#maxPayload} bytes: send a reference to the data`,
      )
    }
    const headers = this.#telling.sending(key, 'event', this.#headersFor(key))
    if (headers === undefined) return { kind: 'event', body, kept }
    if (exceeds(JSON.stringify(headers), this.#maxPayload)) {
      throw new PayloadTooLargeError(`the headers of event ${quoted(key.name)} are over maxPayload: send less in them`)
    }
    return { kind: 'event', body, kept, headers }
  }

  #headersFor({ name, id }: EventKey): Message['headers'] {
    if (this.#headers === undefined) return undefined
    let headers: unknown
    try {
      headers = this.#headers(name, id)
    } catch (error) {
      const what = error instanceof Error ? error.name : typeof error
      throw new InvalidArgumentError(`option headers threw ${what}: it must return an object of strings`)
    }
    const ok =
      typeof headers === 'object' &&
      headers !== null &&
      !isThenable(headers) &&
      Object.values(headers).every((value) => typeof value === 'string')
    if (!ok) throw new InvalidArgumentError('option headers must return an object whose values are strings')
    return { ...(headers as Record<string, string>) }
  }
}

/** What a keeper answered, as against an Error; asked by shape, since an Error may be of another realm. */
export function isMessage(answer: unknown): answer is Message {
  if (typeof answer !== 'object' || answer === null || !('kind' in answer) || !('body' in answer)) return false
  return answer.kind === 'event' || answer.kind === 'failure'
}

function exceeds(body: string | Uint8Array, bytes: number): boolean {
  if (typeof body !== 'string') return body.byteLength > bytes
  // A UTF-16 unit is at most 3 bytes of UTF-8.
  return body.length * 3 > bytes && Buffer.byteLength(body) > bytes
}
