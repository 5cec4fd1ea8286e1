import { LONGEST_DELAY, timeoutAtLoad } from './clock'
import { inRootContext } from './context'

/** Keeps the process alive while something is under way that may have no socket or timer of its own. */
export class KeepAlive {
  #timer: NodeJS.Timeout | undefined
  #count = 0

  add(): void {
    if (this.#count++ > 0) return
    if (this.#timer === undefined) this.#arm()
    else (this.#timer as Partial<NodeJS.Timeout>).ref?.()
  }

  release(): void {
    if (--this.#count === 0) (this.#timer as Partial<NodeJS.Timeout> | undefined)?.unref?.()
  }

  async during<T>(work: Promise<T>): Promise<T> {
    this.add()
    try {
      return await work
    } finally {
      this.release()
    }
  }

  /** Not an interval, which would have a user's `runAllTimers` run for ever. */
  #arm(): void {
    this.#timer = inRootContext(() =>
      timeoutAtLoad(() => {
        this.#timer = undefined
        if (this.#count > 0) this.#arm()
      }, LONGEST_DELAY),
    )
  }
}
