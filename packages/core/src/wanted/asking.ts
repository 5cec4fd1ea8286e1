import { UnwantedError } from '../errors'
import { quoted } from '../text'
import type { EventKey } from '../transport'
import type { ResolvedWanted } from '../options'
import { unrefTimeout } from '../base/clock'
import { afterIncoming, LATENESS } from '../base/incoming'
import type { Wanted } from './wanted'

/** So many successive questions without an answer say that nobody waits. */
const ENOUGH = 2
/** Who is told that a wait has ended asks anew, but no more often than so many times in `every`. */
const SOONEST = 10

/** What an asking needs of the engine around it. */
export interface AskingHost {
  /** How often the side that hears answers was away; `undefined` while it is, or while they are not subscribed. */
  hearing(): number | undefined
  /** Settles when the server has accepted the question. */
  question(asking: Asking): Promise<void>
  /** The same, of what comes back here and nowhere else. */
  echo(asking: Asking, number: number): Promise<void>
  /** What it asked is not known, and why, where that is not told by anybody else. */
  doubted(asking: Asking, error?: unknown): void
  /** It asks no more. */
  ended(asking: Asking): void
}

/**
 * One `wanted`: a question every so many ms, and an end when two in a row were not answered.
 *
 * That a question was not answered counts only if it could have been: the server had taken it, the
 * side that hears answers stood all the time and, when the time was up, brought back what was sent
 * there to see just that. So a connection that is half-open, or a worker that was too busy to read,
 * never looks like a waiter that has gone.
 */
export class Asking implements Wanted {
  readonly key: EventKey
  /** Where answers go: an id of this one's own, that nobody can guess. */
  readonly reply: string
  now: boolean | undefined
  readonly #host: AskingHost
  readonly #every: number
  readonly #within: number
  readonly #aborting = new AbortController()
  #open = true
  #timer: NodeJS.Timeout | undefined
  /** When it asked last, and for the how-manieth time. */
  #asked = -Infinity
  #number = 0
  /** A question is out, and this is what `hearing` said when it was asked. */
  #heard: number | undefined
  #unanswered = 0
  /** It was told of an end while a question was out: what that one tells may be older. */
  #again = false

  constructor(key: EventKey, reply: string, { every, within }: ResolvedWanted, host: AskingHost) {
    this.key = key
    this.reply = reply
    this.#every = every
    this.#within = within
    this.#host = host
  }

  get signal(): AbortSignal {
    return this.#aborting.signal
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    clearTimeout(this.#timer)
    this.#host.ended(this)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal `standing` resolves when answers are heard. */
  begin(standing: Promise<void>): void {
    this.#arm(this.#every, () => {
      this.ask()
    })
    standing.then(
      () => {
        this.ask()
      },
      (error: unknown) => {
        if (this.#open) this.#host.doubted(this, error)
      },
    )
  }

  /** @internal Asks at once, if it is not asking already. */
  ask(): void {
    if (!this.#open || this.#heard !== undefined) return
    clearTimeout(this.#timer)
    this.#asked = performance.now()
    this.#number++
    this.#again = false
    this.#heard = this.#host.hearing()
    if (this.#heard === undefined) {
      this.#doubt()
      return
    }
    this.#follow(this.#host.question(this), () => {
      this.#arm(this.#within, () => {
        this.#look()
      })
    })
  }

  /** @internal Somebody waits. */
  answered(): void {
    if (!this.#open) return
    this.now = true
    this.#unanswered = 0
    if (this.#heard !== undefined) this.#next()
  }

  /** @internal One that waited does so no more. */
  told(): void {
    if (this.#heard !== undefined) this.#again = true
    else if (this.#open) this.#waitBriefly()
  }

  /** @internal What was sent back here has come: so would have any answer before it. */
  echoed(number: number): void {
    if (!this.#open || this.#heard === undefined || number !== this.#number) return
    if (this.#heard !== this.#host.hearing()) {
      this.#doubt()
      return
    }
    this.now = false
    if (++this.#unanswered < ENOUGH) this.#next()
    else this.#abort()
  }

  /** Nobody has answered in time. */
  #look(): void {
    const due = performance.now() + this.#within
    this.#follow(this.#host.echo(this, this.#number), () => undefined)
    this.#arm(this.#within, () => {
      const doubt = (): void => {
        this.#doubt()
      }
      if (performance.now() - due > LATENESS) afterIncoming(this.#ofThisOne(doubt))
      else doubt()
    })
  }

  #abort(): void {
    const { name, id } = this.key
    const what = `nobody waits for event ${quoted(name)} with id ${quoted(id)} any more`
    this.close()
    this.#aborting.abort(new UnwantedError(`${what}: ${ENOUGH} questions in a row were not answered`))
  }

  #follow(sent: Promise<void>, then: () => void): void {
    sent.then(
      this.#ofThisOne(then),
      this.#ofThisOne((error?: unknown) => {
        this.#doubt(error)
      }),
    )
  }

  /** Does nothing once the question that is out now is over. */
  #ofThisOne<A extends unknown[]>(callback: (...args: A) => void): (...args: A) => void {
    const number = this.#number
    return (...args) => {
      if (this.#open && this.#heard !== undefined && this.#number === number) callback(...args)
    }
  }

  /** Nothing is known, not even of the question before. */
  #doubt(error?: unknown): void {
    this.now = undefined
    this.#unanswered = 0
    this.#host.doubted(this, error)
    this.#next()
  }

  #next(): void {
    this.#heard = undefined
    if (this.#again) this.#waitBriefly()
    else this.#wait(this.#every)
  }

  /** Not behind a question that was not answered: whoever is away is to have all of `every` between two that count. */
  #waitBriefly(): void {
    this.#wait(this.#unanswered > 0 ? this.#every : this.#every / SOONEST)
  }

  /** Asks so many ms after it asked last. */
  #wait(ms: number): void {
    this.#arm(Math.max(0, this.#asked + ms - performance.now()), () => {
      this.ask()
    })
  }

  #arm(ms: number, then: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = unrefTimeout(then, ms)
  }
}
