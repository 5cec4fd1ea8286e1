import { inRootContext } from '../base/context'
import type { EventKey, Keeper, Message, Receiver, Topic, Transport } from '../transport'

/**
 * A transport that is called in the root context: what it opens serves everybody, and must not
 * belong to the request that happened to need it first. What belongs to a transaction is called in
 * the context that tells it.
 */
export class RootedTransport implements Transport {
  readonly routing: Transport['routing']
  readonly homes: boolean
  readonly questions: true | undefined
  readonly keeper?: Keeper
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
    this.routing = transport.routing
    this.homes = transport.homes === true
    this.questions = transport.questions
    const { keeper } = transport
    if (keeper === undefined) return
    this.keeper = {
      ...(keeper.once === true && { once: true }),
      publish: (...args) => this.#call(() => keeper.publish(...args)),
      recall: (keys) => inRootContext(() => keeper.recall(keys)),
      forget: (key) => this.#call(() => keeper.forget(key)),
    }
  }

  get publishTimeout(): number | undefined {
    return this.#transport.publishTimeout
  }

  inTransaction(): boolean {
    return this.#transport.inTransaction?.() === true
  }

  attach(receiver: Receiver): void {
    inRootContext(() => {
      this.#transport.attach(receiver)
    })
  }

  connect(): Promise<void> {
    return inRootContext(() => this.#transport.connect())
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.#call(() => this.#transport.publish(key, message))
  }

  subscribe(topic: Topic): Promise<void> {
    return inRootContext(() => this.#transport.subscribe(topic))
  }

  unsubscribe(topic: Topic): Promise<void> {
    return inRootContext(() => this.#transport.unsubscribe(topic))
  }

  close(): Promise<void> {
    return inRootContext(() => this.#transport.close())
  }

  #call<T>(callback: () => T): T {
    return this.inTransaction() ? callback() : inRootContext(callback)
  }
}
