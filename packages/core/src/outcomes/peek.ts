import type { Args } from '../event-map'
import { ConnectionError, RemoteError, UnsupportedError } from '../errors'
import type { EventKey, Keeper } from '../transport'
import { fromConnection, fromTransport } from '../transport-errors'
import { isMessage, type Messages } from '../messages/messages'
import type { ConnectionHealth } from '../observe/connection-health'

type Answers = Awaited<ReturnType<Keeper['recall']>>

/** How long an answer may take in all if a connection was lost with it, in ms. */
const LONGEST = 5000

/** Reads and removes kept outcomes without waiting for events. */
export class Outcomes {
  readonly #keeper: Keeper | undefined
  readonly #messages: Messages
  readonly #health: ConnectionHealth

  /** `health` is that of the side that asks. */
  constructor(keeper: Keeper | undefined, messages: Messages, health: ConnectionHealth) {
    this.#keeper = keeper
    this.#messages = messages
    this.#health = health
  }

  async peek(key: EventKey): Promise<Args | undefined> {
    // Reading leaves nothing uncertain: whatever failed, there was no answer.
    const answers = await this.#use((keeper) => this.#recall(keeper, key), fromConnection)
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

  /** What was lost with a connection is asked for on the next one; where there was none, that is the answer. */
  async #recall(keeper: Keeper, key: EventKey): Promise<Answers> {
    const due = performance.now() + LONGEST
    for (;;) {
      const { interruptions } = this.#health
      const answers = await keeper.recall([key])
      const failed = answers.length !== 1 || (answers[0] !== undefined && !isMessage(answers[0]))
      if (!failed || !(fromConnection(answers[0]) instanceof ConnectionError)) return answers
      if (this.#health.interruptions === interruptions) return answers
      if (!(await this.#health.standing(due - performance.now()))) return answers
    }
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
