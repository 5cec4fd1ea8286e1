import type { Args } from '../event-map'
import type { RemoteFailure } from '../errors'
import type { EventKey, Message } from '../transport'

/** What reads messages. */
interface Source {
  checkSize(key: EventKey, message: Message): void
  decoded(key: EventKey, message: Message): Args
  validated(key: EventKey, args: Args): Args
  remoteFailure(key: EventKey, message: Message): RemoteFailure
}

/**
 * One message, as it is read for each of those it is for: no two of them share an object.
 *
 * What consists of texts, numbers and bytes is decoded once for all, since a copy of it costs next
 * to nothing; anything else is decoded anew for each.
 */
export class Reading {
  readonly key: EventKey
  readonly message: Message
  readonly #source: Source
  /** Whether more than one will ask. */
  readonly #shared: boolean
  #checked = false
  /** What the codec made, if it can be copied. */
  #decoded: Args | undefined
  /** What the schema made of that, if it can be copied too. */
  #read: Args | undefined
  #failure: RemoteFailure | undefined

  constructor(source: Source, key: EventKey, message: Message, shared: boolean) {
    this.#source = source
    this.key = key
    this.message = message
    this.#shared = shared
  }

  /** Throws what `Messages.args` does, and PayloadTooLargeError. */
  args(): Args {
    if (this.#read !== undefined) return copyOf(this.#read)
    this.#check()
    const decoded = this.#decode()
    const read = this.#source.validated(this.key, decoded)
    if (!this.#shared || !isFlat(read)) return read
    this.#read = read
    return copyOf(read)
  }

  /** Throws what `Messages.remoteFailure` does, and PayloadTooLargeError. */
  failure(): RemoteFailure {
    if (this.#failure !== undefined) return this.#failure
    this.#check()
    const failure = this.#source.remoteFailure(this.key, this.message)
    if (isValue(failure.data)) this.#failure = failure
    return failure
  }

  #decode(): Args {
    if (this.#decoded !== undefined) return copyOf(this.#decoded)
    const decoded = this.#source.decoded(this.key, this.message)
    if (!this.#shared || !isFlat(decoded)) return decoded
    this.#decoded = decoded
    return copyOf(decoded)
  }

  #check(): void {
    if (this.#checked) return
    this.#source.checkSize(this.key, this.message)
    this.#checked = true
  }
}

function isFlat(args: Args): boolean {
  return args.every((arg) => isValue(arg) || isBytes(arg))
}

function isValue(value: unknown): boolean {
  return value === null || (typeof value !== 'object' && typeof value !== 'function')
}

/** Exactly that: a class of its own may have properties of its own. */
function isBytes(value: unknown): value is Uint8Array {
  if (!(value instanceof Uint8Array)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Uint8Array.prototype || prototype === Buffer.prototype
}

/** Not by the `slice` of bytes themselves: that of a Buffer shares its memory. */
function copyOf(args: Args): Args {
  return args.map((arg) => (isBytes(arg) ? Uint8Array.prototype.slice.call(arg) : arg))
}
