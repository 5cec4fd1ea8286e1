import type { ServerEventsError } from '../errors'
import type { EventKey, Message } from '../transport'
import { channels } from '../observe/diagnostics'
import { rejectedAtCaller } from '../base/reject-at-caller'

/** One emit or fail on its way out. */
export class Emit {
  readonly key: EventKey
  readonly message: Message
  /** How long it is kept, in ms; 0 is not at all. */
  readonly keep: number
  /** Of `Reports`, at the call. */
  readonly depth: number
  /** When it was asked for, if somebody will hear how long it took. */
  readonly began = channels.emit.hasSubscribers ? performance.now() : undefined

  constructor(key: EventKey, message: Message, keep: number, depth: number) {
    this.key = key
    this.message = message
    this.keep = keep
    this.depth = depth
  }
}

/**
 * What a transport settles with one promise: the emits of a tick, where it shares one, else a single
 * emit. Each has a promise of its own all the same, since a shared one could not name its caller.
 */
export class InFlight {
  /** What the transport gave. */
  readonly published: Promise<void>
  readonly emits: Emit[]
  /** Index in the table of those that have not settled; -1 when not in it. */
  slot = -1
  resolve!: () => void
  /** Every emit gets an error of its own. */
  reject!: (makeError: () => ServerEventsError) => void
  readonly #settled: Promise<void>

  constructor(published: Promise<void>, first: Emit) {
    this.published = published
    this.emits = [first]
    this.#settled = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  /**
   * A promise for one of the emits: settles with all of them, and counts as handled. `follower` is
   * the one that the caller has, if that is another, which will be resolved with this one.
   */
  settlement(follower?: Promise<void>): Promise<void> {
    const promise: Promise<void> = this.#settled.then(undefined, (makeError: unknown) =>
      rejectedAtCaller(follower ?? promise, makeError as () => ServerEventsError),
    )
    return promise
  }
}
