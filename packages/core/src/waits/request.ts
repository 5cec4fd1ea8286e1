import { AsyncResource } from 'node:async_hooks'
import { guard } from '../base/guard'
import { thrownOf } from '../base/reject-at-caller'
import type { Outcome, StreamOutcome } from '../observe/stats'
import { RECALLS, SETTLED, SUBSCRIBED } from '../pending/pending'
import { Wait } from '../pending/wait'
import type { NameEntry } from '../registry/name'

/** What a user's `request` starts; its signal aborts when nobody waits for the outcome any more. */
export type Start = (id: string, signal: AbortSignal) => unknown

/**
 * The wait of a `request`, which starts the work as soon as its answer cannot be missed: when the
 * subscription stands or, where outcomes are kept, at once.
 */
export class Request extends Wait<NameEntry> {
  #start: Start
  readonly #failed: (request: Request, error: unknown) => void
  #registered = false
  #aborting: AbortController | undefined

  /** `failed` is told what `start` threw or rejected with. */
  constructor(
    [entry, id, timeout, now, recalls]: ConstructorParameters<typeof Wait<NameEntry>>,
    start: Start,
    failed: (request: Request, error: unknown) => void,
  ) {
    super(entry, id, timeout, now, recalls)
    this.#start = start
    this.#failed = failed
  }

  /** It is registered whole: what the user's function does may end it at once. */
  registered(): void {
    this.#registered = true
    if (this.has(SUBSCRIBED | RECALLS)) this.#begin()
    // Else it would run in the context of whoever subscribed first.
    else this.#start = AsyncResource.bind(this.#start)
  }

  override subscribed(): void {
    super.subscribed()
    if (this.#registered) this.#begin()
  }

  override reject(makeError: () => unknown, outcome: Outcome | StreamOutcome): void {
    // A failure is an outcome too: who told it is done.
    if (this.#aborting === undefined || outcome === 'failure') {
      super.reject(makeError)
      return
    }
    // One error for both: who catches it may compare.
    const made = makeError()
    super.reject(() => made)
    this.#aborting.abort(thrownOf(made))
  }

  #begin(): void {
    if (this.#aborting !== undefined || this.has(SETTLED)) return
    const { signal } = (this.#aborting = new AbortController())
    void guard(
      () => this.#start(this.id, signal),
      (error) => {
        this.#failed(this, error)
      },
    )
  }
}
