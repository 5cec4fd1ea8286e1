import { inRootContext } from './context'

/** The timers seen when this module was loaded; others are somebody's fakes. */
export const timeoutAtLoad = setTimeout
export const clearTimeoutAtLoad = clearTimeout
/** What has none, as jsdom, has a timer. */
export const immediateAtLoad: (callback: () => void) => NodeJS.Immediate =
  typeof setImmediate === 'function'
    ? setImmediate
    : (callback) => setTimeout(callback, 0) as unknown as NodeJS.Immediate
export const clearImmediateAtLoad: (immediate: NodeJS.Immediate | undefined) => void =
  typeof clearImmediate === 'function'
    ? clearImmediate
    : (immediate) => clearTimeout(immediate as unknown as NodeJS.Timeout)

/** Longer delays overflow the timer of Node and fire at once. */
export const LONGEST_DELAY = 2 ** 31 - 1

/** What calls through to the timers at load makes one of Node's, or gives the same as they do. */
const atLoad = probe(timeoutAtLoad, clearTimeoutAtLoad)
const clockAtLoad = performance.now.bind(performance)

let judged: unknown = timeoutAtLoad
let judgedFake = false

/**
 * Whether somebody drives the global timers by hand, as tests do. A `setTimeout` that was wrapped,
 * by an APM agent or by zone.js, is not that: it is known by the timers that it gives.
 */
export function timersAreFake(): boolean {
  if (setTimeout === judged) return judgedFake
  judged = setTimeout
  judgedFake = setTimeout !== timeoutAtLoad && isFake(setTimeout)
  return judgedFake
}

/** By the marks of @sinonjs/fake-timers (jest, vitest, sinon) and of jest's legacy fakes; else by what it makes. */
function isFake(candidate: typeof setTimeout): boolean {
  if ('clock' in candidate || '_isMockFunction' in candidate) return true
  const made = probe(candidate, clearTimeout)
  if (atLoad.isNodes && made.isNodes) return false
  return made.type !== atLoad.type || made.maker !== atLoad.maker
}

interface Made {
  /** It has made one of Node's timers, whatever it gave: Bun and Deno do not tell. */
  readonly isNodes: boolean
  readonly type: string
  readonly maker: unknown
}

function probe(make: typeof setTimeout, clear: typeof clearTimeout): Made {
  const before = nodesTimers()
  const timer: unknown = make(() => {}, LONGEST_DELAY)
  const isNodes = nodesTimers() > before
  clear(timer as NodeJS.Timeout)
  return { isNodes, type: typeof timer, maker: (timer as object | null | undefined)?.constructor }
}

/** How many of them hold the process. */
function nodesTimers(): number {
  const { getActiveResourcesInfo } = process as Partial<NodeJS.Process>
  return getActiveResourcesInfo?.().filter((kind) => kind === 'Timeout').length ?? 0
}

/** A timer that does not keep the process alive. Browser-like fakes return numbers, hence the care. */
export function unrefTimeout(callback: () => void, delay: number): NodeJS.Timeout {
  const timer = inRootContext((): NodeJS.Timeout => setTimeout(callback, Math.min(delay, LONGEST_DELAY)))
  ;(timer as Partial<NodeJS.Timeout>).unref?.()
  return timer
}

/**
 * Milliseconds since construction, never going back.
 *
 * Fake timers may leave `performance` standing still (node:test) or set it back (jest). Therefore
 * a timer that fires moves the clock to what it was set for, and fakes that come or go start a new
 * base at the time reached. While the timers are real ones, a `performance` that is faked alone is
 * not asked.
 */
export class Clock {
  /** By how much fakes that have gone moved it ahead of the real time, in whole ms, rounded up. */
  ahead = 0
  #timers = setTimeout
  #fake = timersAreFake()
  #origin = this.#read()
  #reached = 0
  /** When fakes came, by this clock and by the real one. */
  #left = { at: 0, real: clockAtLoad() }

  now(): number {
    if (this.#timers !== setTimeout) this.#rebase()
    const now = this.#read() - this.#origin
    if (now > this.#reached) this.#reached = now
    return this.#reached
  }

  /** What it would show had the fakes that are there not come. */
  unfaked(): number {
    const now = this.now()
    return this.#fake ? this.#unfaked() : now
  }

  advance(to: number): void {
    if (to > this.#reached) this.#reached = to
  }

  #unfaked(): number {
    return this.#left.at + clockAtLoad() - this.#left.real
  }

  #read(): number {
    return this.#fake ? performance.now() : clockAtLoad()
  }

  #rebase(): void {
    this.#timers = setTimeout
    const fake = timersAreFake()
    // One real clock is as good as another.
    if (!fake && !this.#fake) return
    if (!this.#fake) {
      this.#reached = Math.max(this.#reached, this.#read() - this.#origin)
      this.#left = { at: this.#reached, real: clockAtLoad() }
    } else if (!fake) this.ahead += Math.ceil(this.#reached - this.#unfaked())
    this.#fake = fake
    this.#origin = this.#read() - this.#reached
  }
}
