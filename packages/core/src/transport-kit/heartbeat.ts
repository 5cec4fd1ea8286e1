import { performance } from 'node:perf_hooks'
import { call, Timer } from './timing'

/** Signs of life of one connection. */
export class Life {
  readonly #bytesRead: (() => number) | undefined
  #heard = 0

  /**
   * `bytesRead` is how many bytes the connection has read so far, as `net.Socket` counts them: then
   * each of them is life, also those of an event that takes minutes to arrive. Without it whatever
   * is told of by `heard` is.
   */
  constructor(bytesRead?: () => number) {
    this.#bytesRead = bytesRead
  }

  /** A message or an answer has come. */
  heard(): void {
    this.#heard++
  }

  /** Is another number than before if anything was heard in between. */
  get count(): number {
    return this.#heard + (this.#bytesRead?.() ?? 0)
  }
}

/** What a heartbeat asks, and tells. */
export interface HeartbeatHost<C> {
  /** Any answer is life, also a refusal. */
  ping(connection: C): Promise<unknown>
  /** Nothing was heard for two intervals of so many ms. */
  dead(connection: C, interval: number): void
}

/** How often it looks in an interval, and in the time that an answer has. */
const LOOKS = 4

/** It never becomes faster than this by itself, in ms. */
const FASTEST = 1_000

/**
 * Finds a connection whose other end is gone without a word, and keeps one warm that idles behind
 * something that forgets idle connections. When nothing was heard for most of an interval it sends
 * a PING, and when nothing was heard for another whole one it gives up. A connection that was
 * closed by the other end after it had idled for less than that makes the interval half as long as
 * it idled: so what closes idle connections does it once.
 */
export class Heartbeat<C> {
  readonly #host: HeartbeatHost<C>
  #interval: number
  #connection: C | undefined
  #life: Life | undefined
  #count = 0
  #heardAt = 0
  #askedAt: number | undefined
  readonly #timer = new Timer(() => this.#look())

  /** `interval` in ms, 0 for never. */
  constructor(interval: number, host: HeartbeatHost<C>) {
    this.#interval = interval
    this.#host = host
  }

  /** The connection stands. */
  start(connection: C, life: Life): void {
    if (this.#interval === 0) return
    this.#connection = connection
    this.#life = life
    this.#count = life.count
    this.#hear()
    this.#arm()
  }

  /** The connection is over: `lost` if the other end has closed it. */
  stop(lost = false): void {
    if (lost && this.#life?.count === this.#count && this.#askedAt === undefined) this.#learn()
    this.#connection = undefined
    this.#life = undefined
    this.#timer.clear()
  }

  #learn(): void {
    const idle = performance.now() - this.#heardAt
    if (idle >= FASTEST) this.#interval = Math.min(this.#interval, Math.max(FASTEST, Math.floor(idle / 2)))
  }

  #hear(): void {
    this.#heardAt = performance.now()
    this.#askedAt = undefined
  }

  #arm(): void {
    this.#timer.arm(Math.max(1, Math.round(this.#interval / LOOKS)), false)
  }

  #look(): void {
    const connection = this.#connection
    const life = this.#life
    if (connection === undefined || !life) return
    const { count } = life
    if (count !== this.#count) this.#hear()
    this.#count = count
    // The fraction is a timer's inaccuracy.
    const now = performance.now() + 1
    if (this.#askedAt !== undefined && now - this.#askedAt >= this.#interval) {
      this.#host.dead(connection, this.#interval)
      return
    }
    this.#arm()
    if (this.#askedAt !== undefined || now - this.#heardAt < (this.#interval * (LOOKS - 1)) / LOOKS) return
    this.#askedAt = now
    this.#host.ping(connection).then(
      () => life.heard(),
      () => undefined,
    )
  }
}

/** As long as something is heard, an answer may take so many times its time. */
const LONGEST = 12

interface PatienceHost {
  /** It has taken too long. */
  end(): void
  /** For half of the time nothing at all was heard: the connection is to be replaced. */
  silent(): void
}

/**
 * How long to wait for answers that may be long. What arrives is a sign that they do; whether a
 * connection on which nothing does is alive, a PING tells, and its answer is no more than that.
 */
export class Patience {
  readonly #life: Life
  readonly #ping: (() => Promise<unknown>) | undefined
  readonly #ms: number
  readonly #host: PatienceHost
  readonly #since = performance.now()
  readonly #timer = new Timer(() => this.#look())
  #count: number
  /** When something came, and when the other end gave a sign of life. */
  #cameAt = this.#since
  #heardAt = this.#since
  #isAsked = false

  /** `ms` is the time that an answer has; it begins now. Without `ping` no connection is called silent. */
  constructor(life: Life, ping: (() => Promise<unknown>) | undefined, ms: number, host: PatienceHost) {
    this.#life = life
    this.#ping = ping
    this.#ms = ms
    this.#host = host
    this.#count = life.count
    this.#arm()
  }

  end(): void {
    this.#timer.clear()
  }

  #arm(): void {
    this.#timer.arm(Math.max(1, Math.ceil(this.#ms / LOOKS)), true)
  }

  #look(): void {
    const life = this.#life
    // A timer may fire a fraction of a millisecond early by this clock.
    const now = performance.now() + 1
    if (life.count !== this.#count) {
      this.#count = life.count
      this.#cameAt = this.#heardAt = now
    }
    if (now - this.#cameAt >= this.#ms || now - this.#since >= LONGEST * this.#ms) {
      this.#host.end()
      return
    }
    const silence = now - this.#heardAt
    if (this.#ping && silence >= this.#ms / 2) {
      this.#host.silent()
      return
    }
    this.#arm()
    if (this.#ping && silence >= this.#ms / LOOKS && !this.#isAsked) void this.#ask(this.#ping)
  }

  async #ask(ping: () => Promise<unknown>): Promise<void> {
    this.#isAsked = true
    try {
      await call(ping)
      this.#life.heard()
      this.#count = this.#life.count
      this.#heardAt = performance.now()
    } catch {
      // What is no answer says nothing.
    }
    this.#isAsked = false
  }
}
