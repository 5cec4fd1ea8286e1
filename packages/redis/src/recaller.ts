import type { EventKey, Message, Receiver } from 'server-events'
import { keyOf } from './kept'
import type { Publisher } from './publisher'
import { readLoneFrame, unreadable } from './wire'

/** Reads kept outcomes. */
export class Recaller {
  constructor(
    private readonly publisher: Publisher,
    private readonly prefix: string,
    private readonly receiver: Receiver,
  ) {}

  /** One answer per key: the message, `undefined` for none, an Error for not known. Never rejects. */
  async recall(keys: readonly EventKey[]): Promise<(Message | undefined | Error)[]> {
    const found = await this.publisher.lookup(keys.map((key) => keyOf(this.prefix, key)))
    return keys.map((key, index) => {
      const value = found[index]
      if (value === null) return undefined
      return typeof value === 'string' ? this.read(key, value) : value
    })
  }

  private read(key: EventKey, value: string): Message | Error {
    const message = readLoneFrame(key.id, value)
    if (message) return message
    const error = unreadable(key.name)
    this.receiver.error('inputStore', error)
    return error
  }
}
