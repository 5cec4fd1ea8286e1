import type { KeepAlive } from '../base/keep-alive'

/** Counts what is asked of the store and not answered yet: it holds the process, and a drain. */
export class Lookups {
  count = 0
  /** Called when the last one has settled. */
  whenIdle: (() => void) | undefined
  readonly #keepAlive: KeepAlive

  constructor(keepAlive: KeepAlive) {
    this.#keepAlive = keepAlive
  }

  async during<T>(work: Promise<T>): Promise<T> {
    this.count++
    try {
      return await this.#keepAlive.during(work)
    } finally {
      this.count--
      if (this.count === 0) this.whenIdle?.()
    }
  }
}
