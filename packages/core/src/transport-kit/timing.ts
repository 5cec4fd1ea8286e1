import { performance } from 'node:perf_hooks'
import { afterIncoming, LATENESS } from '../base/incoming'

/**
 * One timer that can be armed again and again. When it fires late the event loop was blocked, and
 * what it waits for may lie in the socket's buffer: then that is read first.
 */
export class Timer {
  readonly #fired: () => void
  #timeout: NodeJS.Timeout | undefined
  /** Calls off what reads first. */
  #late: (() => void) | undefined

  /** `fired` is called each time that it goes off. */
  constructor(fired: () => void) {
    this.#fired = fired
  }

  /** Whether it will go off. */
  get armed(): boolean {
    return this.#timeout !== undefined || this.#late !== undefined
  }

  /** Goes off in `ms`, once; `holding` keeps the process alive until then. */
  arm(ms: number, holding: boolean): void {
    this.clear()
    const due = performance.now() + ms
    this.#timeout = setTimeout(() => {
      this.#timeout = undefined
      if (performance.now() - due <= LATENESS) {
        this.#fired()
        return
      }
      this.#late = afterIncoming(() => {
        this.#late = undefined
        this.#fired()
      })
    }, ms)
    if (!holding) this.#timeout.unref()
  }

  /** Whether it keeps the process alive from now on. */
  hold(holding: boolean): void {
    if (holding) this.#timeout?.ref()
    else this.#timeout?.unref()
  }

  /** It does not go off any more. */
  clear(): void {
    clearTimeout(this.#timeout)
    this.#late?.()
    this.#timeout = undefined
    this.#late = undefined
  }
}

/** How many calls of drivers are running in this process. */
let calls = 0
let deferred: (() => void)[] = []

/** Calls a driver. What it throws becomes a rejection. */
export async function call<T>(make: () => Promise<T>): Promise<T> {
  calls++
  let answer: Promise<T>
  try {
    answer = make()
  } finally {
    calls--
  }
  return answer
}

/**
 * Tells at once, or behind the call of a driver that is running: nothing is delivered inside
 * `publish` or `subscribe`, although clients without a network do. In order in any case.
 */
export function outsideCalls(tell: () => void): void {
  if (calls === 0 && deferred.length === 0) {
    tell()
    return
  }
  deferred.push(tell)
  if (deferred.length > 1) return
  void Promise.resolve().then(() => {
    // What these defer comes behind them.
    for (const one of deferred) one()
    deferred = []
  })
}

/** Settles as the promise does, or rejects after so many ms. */
export function withTimeout<T>(ms: number, promise: Promise<T>, makeError: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = new Timer(() => reject(makeError()))
    timer.arm(ms, true)
    promise.then(resolve, reject).finally(() => timer.clear())
  })
}
