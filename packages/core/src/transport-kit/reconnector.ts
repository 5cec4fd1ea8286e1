import { performance } from 'node:perf_hooks'
import { AuthError, ConnectionError } from '../errors'
import type { ServerEventsError } from '../errors'
import { immediateAtLoad } from '../base/clock'
import { failedAt, ours, reasonOf, troubleOf } from './errors'
import { call, Timer } from './timing'

/** How a connection is made. What it is, only its users know. */
export interface Dialer<C> {
  /** Whom it connects to, for messages: `redis at 127.0.0.1:6379`. Asked anew for each message. */
  readonly at: string
  /**
   * One attempt. Resolves when commands may be written; rejects with AuthError if the credentials
   * are refused, with anything else for trouble. `ended` is called once the connection, or the
   * attempt, is over; `signal` says that nobody waits for it any more.
   */
  dial(ended: (cause?: unknown) => void, signal: AbortSignal): Promise<C>
  /** Throws a connection away, whatever its state. Settles when its sockets have gone. */
  discard(connection: C): Promise<unknown>
  /** A number that grows with what is heard on the connection: while it grows, an attempt that takes long goes on. */
  heard?(connection: C): number
}

/** Who uses a connection. Several sides may share one; they are called in the order in which they were given. */
export interface Side<C> {
  /** Whether the process has to live until there is a connection. */
  needed(): boolean
  /** Commands may be written: do what has to be done before the connection counts as up. */
  establish?(connection: C): Promise<void>
  /** It stands. */
  up(connection: C): void
  /** It was up, and is lost, or was `dropped` by one of us; the next attempt follows. */
  down(cause: ServerEventsError, dropped: boolean): void
  /** An attempt to connect failed; the next one follows. */
  failed(error: ServerEventsError): void
  /** The credentials are refused and were never accepted before. Idle until the next `open`. */
  refused(error: AuthError): void
}

const FIRST_DELAY = 50
const LONGEST_DELAY = 2_000

/** The longest delay after a connection that stood, if only for a moment. */
const LONGEST_AFTER_UP = 1_000

/** A connection that stood for so many ms, and then was lost, is no sign of trouble that lasts. */
const STEADY = 500

/** An attempt on which something is heard may take so many times its time. */
const PATIENCE = 6

/** What a client still does when it is thrown away ends in at most so many ms. */
const CLOSING = 1_000

interface Attempt<C> {
  readonly abort: AbortController
  connection: C | undefined
  /** When its time began, and how much had been heard then. */
  since: number
  heard: number
}

/**
 * Keeps one connection for its sides: dials, bounds, guards, replaces, backs off with jitter. Every
 * connection is a new one, and nothing that comes of an earlier one counts.
 */
export class Reconnector<C> {
  readonly #dialer: Dialer<C>
  readonly #connectTimeout: number
  readonly #sides: readonly Side<C>[]
  #attempt: Attempt<C> | undefined
  #upSince: number | undefined
  #accepted: boolean
  #closed = false
  /** Attempts that failed, or did not stand for long, since the last one that did. */
  #failures = 0
  /** The last refusal of credentials, and until when it is the answer to all who ask. */
  #refusal: { readonly message: string; readonly until: number } | undefined
  #telling = false
  readonly #closing = new Set<Promise<unknown>>()
  readonly #retry = new Timer(() => this.#dial())
  readonly #patience = new Timer(() => this.#late())

  /**
   * `connectTimeout` in ms, for dialling and establishing together. `accepted` says that the credentials were accepted
   * elsewhere: whoever refuses them all the same is tried again, like one that is away.
   */
  constructor(dialer: Dialer<C>, connectTimeout: number, sides: readonly Side<C>[], accepted = false) {
    this.#accepted = accepted
    this.#dialer = dialer
    this.#connectTimeout = connectTimeout
    this.#sides = sides
  }

  /** Whom it connects to, for messages. */
  get at(): string {
    return this.#dialer.at
  }

  /** There was a connection, or an attempt at one failed, and there is none now. */
  get isDown(): boolean {
    return this.#upSince === undefined && (this.#retry.armed || (this.#attempt !== undefined && this.#failures > 0))
  }

  /** Connects if nothing does so already. Never calls a side before it returns. */
  open(): void {
    if (this.#closed) return
    if (this.#attempt || this.#retry.armed) {
      this.#retry.hold(true)
      this.#patience.hold(true)
    } else if (this.#refusal && performance.now() < this.#refusal.until) this.#tellRefusal(this.#refusal.message)
    else this.#dial()
  }

  /** Gives a connection up, unless that has happened: it is replaced. */
  drop(connection: C, cause: ServerEventsError): void {
    if (this.#attempt?.connection === connection) this.#lose(this.#attempt, cause, true)
  }

  /** Resolves when its sockets have gone, after a second in any case. */
  async close(): Promise<void> {
    this.#closed = true
    this.#retry.clear()
    this.#release()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSING)))
    await Promise.race([Promise.all(this.#closing), late])
    clearTimeout(timer)
  }

  #dial(): void {
    const attempt: Attempt<C> = {
      abort: new AbortController(),
      connection: undefined,
      since: performance.now(),
      heard: 0,
    }
    this.#attempt = attempt
    this.#refusal = undefined
    this.#patience.arm(this.#connectTimeout, this.#needed())
    const ended = (cause?: unknown): void => this.#lose(attempt, this.#causeOf(cause))
    const established = this.#establish(attempt, ended).catch((error: unknown) => {
      this.#lose(attempt, troubleOf(error, this.at))
    })
    // A client that is called off may take a while to let go of its socket.
    attempt.abort.signal.addEventListener('abort', () => this.#awaitEnd(established), { once: true })
  }

  async #establish(attempt: Attempt<C>, ended: (cause?: unknown) => void): Promise<void> {
    const connection = await this.#dialer.dial(ended, attempt.abort.signal)
    if (this.#attempt !== attempt) {
      await this.#dialer.discard(connection)
      return
    }
    attempt.connection = connection
    attempt.heard = this.#dialer.heard?.(connection) ?? 0
    for (const side of this.#sides) {
      await side.establish?.(connection)
      if (this.#attempt !== attempt) return
    }
    this.#patience.clear()
    this.#upSince = performance.now()
    this.#accepted = true
    for (const side of this.#sides) if (this.#attempt === attempt) side.up(connection)
  }

  /** The time of an attempt is up. What a slow line still carries is not lost for that. */
  #late(): void {
    const attempt = this.#attempt
    if (!attempt) return
    const { connection, heard, since } = attempt
    attempt.heard = connection === undefined ? 0 : (this.#dialer.heard?.(connection) ?? 0)
    if (attempt.heard !== heard && performance.now() - since < PATIENCE * this.#connectTimeout)
      this.#patience.arm(this.#connectTimeout, this.#needed())
    else this.#lose(attempt, failedAt(this.at, `not ready within ${this.#connectTimeout} ms`))
  }

  #lose(attempt: Attempt<C>, cause: ServerEventsError, dropped = false): void {
    if (this.#attempt !== attempt) return
    const since = this.#upSince
    this.#release()
    if (since !== undefined && performance.now() - since >= STEADY) this.#failures = 0
    const delay = this.#delay(since === undefined ? LONGEST_DELAY : LONGEST_AFTER_UP)
    if (since === undefined && cause instanceof AuthError && !this.#accepted) {
      this.#refusal = { message: cause.message, until: performance.now() + delay }
      for (const side of this.#sides) side.refused(new AuthError(cause.message))
      return
    }
    // Before anyone is told: what is told may close us, and that ends it.
    this.#retry.arm(delay, this.#needed())
    for (const side of this.#sides)
      if (since === undefined) side.failed(cause)
      else side.down(cause, dropped)
  }

  /**
   * Later: who asks has yet to write down what it asks for. Once for all who ask in one turn of the event loop, and in
   * the next one: else whoever asks again whenever he is refused would stop all timers and sockets of the process.
   */
  #tellRefusal(message: string): void {
    if (this.#telling) return
    this.#telling = true
    immediateAtLoad(() => {
      this.#telling = false
      if (!this.#closed) for (const side of this.#sides) side.refused(new AuthError(message))
    })
  }

  #causeOf(cause: unknown): ServerEventsError {
    if (this.#upSince === undefined) return troubleOf(cause, this.at)
    const why = cause === undefined ? '' : `: ${reasonOf(cause)}`
    return ours(cause) ?? new ConnectionError(`lost the connection to ${this.at}${why}`)
  }

  /** Exponential, with jitter of half, so that a fleet does not come back in step. */
  #delay(longest: number): number {
    const ceiling = Math.min(FIRST_DELAY * 2 ** this.#failures, longest)
    this.#failures++
    return Math.round(ceiling * (0.5 + Math.random() / 2))
  }

  #needed(): boolean {
    return this.#sides.some((side) => side.needed())
  }

  #release(): void {
    const attempt = this.#attempt
    this.#attempt = undefined
    this.#upSince = undefined
    this.#patience.clear()
    if (!attempt) return
    const { connection } = attempt
    if (connection === undefined) attempt.abort.abort()
    else this.#awaitEnd(call(() => this.#dialer.discard(connection)))
  }

  #awaitEnd(end: Promise<unknown>): void {
    const gone = end.catch(() => undefined)
    this.#closing.add(gone)
    void gone.then(() => this.#closing.delete(gone))
  }
}
