import { performance } from 'node:perf_hooks'

const LATE = 20

/**
 * One timer that can be armed again and again. When it fires late the event loop was blocked, and
 * what it waits for may lie in the socket's buffer: then it lets one round of I/O pass first.
 */
export class Timer {
  private timeout: NodeJS.Timeout | undefined
  private immediate: NodeJS.Immediate | undefined

  constructor(private readonly fired: () => void) {}

  get armed(): boolean {
    return this.timeout !== undefined || this.immediate !== undefined
  }

  /** Fires in `ms`; `holding` keeps the process alive until then. */
  arm(ms: number, holding: boolean): void {
    this.clear()
    const due = performance.now() + ms
    this.timeout = setTimeout(() => {
      this.timeout = undefined
      if (performance.now() - due <= LATE) return this.fired()
      this.immediate = setImmediate(() => {
        this.immediate = undefined
        this.fired()
      })
    }, ms)
    if (!holding) this.timeout.unref()
  }

  hold(holding: boolean): void {
    if (holding) this.timeout?.ref()
    else this.timeout?.unref()
  }

  clear(): void {
    clearTimeout(this.timeout)
    clearImmediate(this.immediate)
    this.timeout = undefined
    this.immediate = undefined
  }
}
