import { setImmediate as realImmediate } from 'node:timers/promises'

interface Timer {
  readonly due: number
  readonly order: number
  readonly callback: () => void
  held: boolean
}

interface Arrival {
  readonly at: number
  readonly order: number
  readonly callback: (at: number) => void
}

/** What setTimeout returns: as much of NodeJS.Timeout as the engine may use. */
class Handle {
  constructor(readonly timer: Timer) {}

  ref(): this {
    this.timer.held = true
    return this
  }

  unref(): this {
    this.timer.held = false
    return this
  }
}

/** Intervals shorter than this would fire in a simulation; the engine has one, which only holds the process. */
const longerThanAnyRun = 86_400_000

/**
 * An event loop whose time is a number. It has the phases of Node's: timers, then what has arrived
 * on sockets, then immediates; after each callback the promise jobs, which are real.
 *
 * Like Node's, its timers count whole milliseconds, so that one may fire up to 1 ms early by
 * `performance`; and nothing of the process runs while it is blocked, whereas the world goes on.
 */
export class VirtualTime {
  now = 0
  /** Called when a callback and its promise jobs have run; `idle` when nothing more is due at this time. */
  onStep: (idle: boolean) => void = () => {}
  #inChunks = false
  #timers = new Set<Timer>()
  #arrivals: Arrival[] = []
  #outside: Arrival[] = []
  #immediates = new Set<() => void>()
  #count = 0
  #seed = 1

  /**
   * The same object serves many runs, since an engine binds its globals once, when it is loaded.
   * `inChunks`: all that arrives at one time is read in one piece, with no promise job between.
   */
  reset(seed: number, inChunks: boolean): void {
    // A fraction, so that no reading of the clock is a whole millisecond by chance.
    this.now = 1000.75
    this.onStep = () => {}
    this.#inChunks = inChunks
    this.#timers = new Set()
    this.#arrivals = []
    this.#outside = []
    this.#immediates = new Set()
    this.#count = 0
    this.#seed = seed
  }

  /** What an engine loaded with this time sees in place of Node's globals. */
  globals(): Record<string, unknown> {
    const clear = (handle: unknown): void => {
      if (handle instanceof Handle) this.#timers.delete(handle.timer)
    }
    return {
      setTimeout: (callback: () => void, delay?: number) => this.#arm(callback, delay),
      setInterval: (callback: () => void, delay = 1) => {
        if (delay < longerThanAnyRun) throw new Error(`an interval of ${delay} ms is not simulated`)
        return this.#arm(callback, delay)
      },
      // It says what it is, as fakes do: no run may depend on how many rejections others have had.
      setImmediate: Object.assign(
        (callback: () => void) => {
          this.#immediates.add(callback)
          return callback
        },
        { clock: this },
      ),
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: (callback: () => void) => this.#immediates.delete(callback),
      performance: { now: () => this.now },
      Math: Object.create(Math, { random: { value: () => this.#random() } }) as Math,
    }
  }

  /** Something reaches this process over a socket at a time. */
  arrive(at: number, callback: (at: number) => void): void {
    this.#arrivals.push({ at, order: this.#count++, callback })
  }

  /** Something happens outside of this process at a time, whatever this process does. */
  outside(at: number, callback: (at: number) => void): void {
    this.#outside.push({ at, order: this.#count++, callback })
  }

  /** Runs the loop for `ms`, then all promise jobs. */
  async run(ms: number): Promise<void> {
    const until = this.now + ms
    await realImmediate()
    this.onStep(this.#next() > this.now)
    for (let next = this.#next(); next <= until; next = this.#next()) {
      this.now = Math.max(this.now, next)
      await this.#turn()
    }
    this.now = Math.max(this.now, until)
    this.onStep(true)
  }

  /** The process computes something for so long that nothing else of it runs. */
  block(ms: number): void {
    this.now += ms
    this.#happenOutside()
  }

  /** Timers and immediates that would keep the process alive. */
  get holding(): number {
    let count = this.#immediates.size
    for (const { held } of this.#timers) if (held) count++
    return count
  }

  /** Timers and immediates that are left, but for intervals that hold nothing. */
  get left(): number {
    let count = this.#immediates.size
    for (const { held, due } of this.#timers) if (held || due < longerThanAnyRun) count++
    return count
  }

  async #drain(): Promise<void> {
    await realImmediate()
    this.onStep(false)
  }

  #arm(callback: () => void, delay = 1): Handle {
    const whole = delay >= 1 && delay < 2 ** 31 ? Math.trunc(delay) : 1
    const timer = { due: Math.floor(this.now) + whole, order: this.#count++, callback, held: true }
    this.#timers.add(timer)
    return new Handle(timer)
  }

  #next(): number {
    let next = this.#immediates.size > 0 ? this.now : Infinity
    for (const { due } of this.#timers) if (due < next) next = due
    for (const { at } of this.#arrivals) if (at < next) next = at
    for (const { at } of this.#outside) if (at < next) next = at
    return next
  }

  async #turn(): Promise<void> {
    this.#happenOutside()
    for (const timer of [...this.#timers]
      .filter(({ due }) => due <= this.now)
      .sort((a, b) => a.due - b.due || a.order - b.order)) {
      if (!this.#timers.delete(timer)) continue
      timer.callback()
      await this.#drain()
    }
    const arrived = inOrder(this.#arrivals, this.now)
    this.#arrivals = this.#arrivals.filter(({ at }) => at > this.now)
    for (const { at, callback } of arrived) {
      callback(at)
      if (!this.#inChunks) await this.#drain()
    }
    if (this.#inChunks && arrived.length > 0) await this.#drain()
    for (const callback of [...this.#immediates]) {
      if (!this.#immediates.delete(callback)) continue
      callback()
      await this.#drain()
    }
    this.onStep(this.#next() > this.now)
  }

  #happenOutside(): void {
    for (;;) {
      const [first] = inOrder(this.#outside, this.now)
      if (first === undefined) return
      this.#outside.splice(this.#outside.indexOf(first), 1)
      first.callback(first.at)
    }
  }

  /** mulberry32 */
  #random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

function inOrder(arrivals: readonly Arrival[], now: number): Arrival[] {
  return arrivals.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at || a.order - b.order)
}
