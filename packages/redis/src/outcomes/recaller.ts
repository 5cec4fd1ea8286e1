import type { EventKey, Message, Receiver } from 'server-events'
import { keyOf } from './key'
import type { Found } from './lookups'
import { readLoneFrame, unreadable } from '../wire/v2'

/** Reads keys. */
interface Reader {
  /** Never rejects. */
  lookup(keys: readonly string[]): Promise<Found[]>
}

/** Reads kept outcomes. */
export class Recaller {
  readonly #reader: Reader
  readonly #prefix: string
  readonly #receiver: Receiver

  constructor(reader: Reader, prefix: string, receiver: Receiver) {
    this.#reader = reader
    this.#prefix = prefix
    this.#receiver = receiver
  }

  /** One answer per key: the message, `undefined` for none, an Error for not known. Never rejects. */
  async recall(keys: readonly EventKey[]): Promise<(Message | undefined | Error)[]> {
    const found = await this.#reader.lookup(keys.map((key) => keyOf(this.#prefix, key)))
    return keys.map((key, index) => {
      const value = found[index]
      if (value === null) return undefined
      return typeof value === 'string' ? this.#read(key, value) : value
    })
  }

  #read(key: EventKey, value: string): Message | Error {
    const message = readLoneFrame(key.id, value)
    if (message) return message
    const error = unreadable(key.name)
    this.#receiver.error('inputStore', error)
    return error
  }
}
