import type { Args } from '../contract'
import { RemoteError, UnsupportedError } from '../errors'
import type { EventKey, Keeper } from '../transport'
import { fromTransport } from './from-transport'
import { isMessage, type Messages } from './messages'

/** Reads and removes kept outcomes without waiting for events. */
export class Kept {
  readonly #keeper: Keeper | undefined
  readonly #messages: Messages

  constructor(keeper: Keeper | undefined, messages: Messages) {
    this.#keeper = keeper
    this.#messages = messages
  }

  async peek(key: EventKey): Promise<Args | undefined> {
    const answers = await this.#use((keeper) => keeper.recall([key]))
    const [answer] = answers
    if (answers.length === 1 && answer === undefined) return undefined
    if (!isMessage(answer)) throw fromTransport(answer)
    this.#messages.checkSize(key, answer)
    if (answer.kind === 'failure') throw new RemoteError(this.#messages.remoteFailure(key, answer))
    return this.#messages.args(key, answer)
  }

  async forget(key: EventKey): Promise<void> {
    await this.#use((keeper) => keeper.forget(key))
  }

  async #use<T>(ask: (keeper: Keeper) => Promise<T>): Promise<T> {
    if (this.#keeper === undefined) {
      throw new UnsupportedError('peek and forget need a transport that keeps outcomes, and this one has no keeper')
    }
    try {
      return await ask(this.#keeper)
    } catch (error) {
      throw fromTransport(error)
    }
  }
}
