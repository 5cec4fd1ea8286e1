import type { EventKey, Message, Receiver, Topic } from 'server-events'
import type { Connection } from './connection'
import { copyOf } from './messages'

/** A transport as its hub sees it: the topics it subscribed, and where what it hears goes. */
export class Subscriber {
  readonly receiver: Receiver
  readonly #connection: Connection
  /** Name -> ids; `undefined` among them stands for the whole name. */
  readonly #topics = new Map<string, Set<string | undefined>>()

  constructor(receiver: Receiver, connection: Connection) {
    this.receiver = receiver
    this.#connection = connection
  }

  add({ name, id }: Topic): void {
    const ids = this.#topics.get(name)
    if (ids) ids.add(id)
    else this.#topics.set(name, new Set([id]))
  }

  remove({ name, id }: Topic): void {
    const ids = this.#topics.get(name)
    ids?.delete(id)
    if (ids?.size === 0) this.#topics.delete(name)
  }

  /** Delivers once, however many of the topics cover the key; while the connection is broken, not at all. */
  hear({ name, id }: EventKey, message: Message): void {
    if (!this.#connection.stands) return
    const ids = this.#topics.get(name)
    if (!ids?.has(undefined) && !ids?.has(id)) return
    const key = { name, id }
    if (this.receiver.wants(key)) this.receiver.deliver(key, copyOf(message))
  }
}
