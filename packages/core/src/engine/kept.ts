import type { Args } from '../contract'
import { RemoteError, UnsupportedError } from '../errors'
import type { EventKey, Keeper } from '../transport'
import { fromConnection, fromTransport } from './from-transport'
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
    // Reading leaves nothing uncertain: whatever failed, there was no answer.
    const answers = await this.#use((keeper) => keeper.recall([key]), fromConnection)
    const [answer] = answers
    if (answers.length === 1 && answer === undefined) return undefined
    if (!isMessage(answer)) throw fromConnection(answer)
    this.#messages.checkSize(key, answer)
    if (answer.kind === 'failure') throw new RemoteError(this.#messages.remoteFailure(key, answer))
    return this.#messages.args(key, answer)
  }

  async forget(key: EventKey): Promise<void> {
    await this.#use((keeper) => keeper.forget(key), fromTransport)
  }

  async #use<T>(ask: (keeper: Keeper) => Promise<T>, wrap: (error: unknown) => Error): Promise<T> {
    if (this.#keeper === undefined) {
      throw new UnsupportedError('peek and forget need a transport that keeps outcomes, and this one has no keeper')
    }
    try {
      return await ask(this.#keeper)
    } catch (error) {
      throw wrap(error)
    }
  }
}
