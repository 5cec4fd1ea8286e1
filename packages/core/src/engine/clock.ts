/** The timers seen when this module was loaded; others are somebody's fakes. */
export const timeoutAtLoad = setTimeout
export const clearTimeoutAtLoad = clearTimeout
export const immediateAtLoad = setImmediate

/** Longer delays overflow the timer of Node and fire at once. */
export const longestDelay = 2 ** 31 - 1

export function timersAreFake(): boolean {
  return setTimeout !== timeoutAtLoad
}

/** A timer that does not keep the process alive. Browser-like fakes return numbers, hence the care. */
export function unrefTimeout(callback: () => void, delay: number): NodeJS.Timeout {
  const timer: NodeJS.Timeout = setTimeout(callback, Math.min(delay, longestDelay))
  ;(timer as Partial<NodeJS.Timeout>).unref?.()
  return timer
}

/**
 * Milliseconds since construction, never going back.
 *
 * Fake timers may leave `performance` standing still (node:test) or set it back (jest). Therefore
 * a timer that fires moves the clock to what it was set for, and a change of the global
 * `setTimeout` starts a new base at the time reached.
 */
export class Clock {
  #timers = setTimeout
  #origin = performance.now()
  #reached = 0

  now(): number {
    if (this.#timers !== setTimeout) {
      this.#timers = setTimeout
      this.#origin = performance.now() - this.#reached
    }
    const now = performance.now() - this.#origin
    if (now > this.#reached) this.#reached = now
    return this.#reached
  }

  advance(to: number): void {
    if (to > this.#reached) this.#reached = to
  }
}
