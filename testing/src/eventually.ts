import { performance } from 'node:perf_hooks'
// Not the global: fake timers would stop it.
import { setTimeout as delay } from 'node:timers/promises'

export interface EventuallyOptions {
  /** In ms; 30,000 by default: what comes in no time on an idle machine takes seconds on a busy one. */
  readonly timeout?: number
  /** In ms; 10 by default. */
  readonly interval?: number
}

/**
 * Calls `probe` again and again until it neither throws, nor rejects, nor gives false, and resolves
 * with what it gave. After `timeout` it rejects with the last error of the probe.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { timeout = 30_000, interval = 10 }: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const deadline = performance.now() + timeout
  for (;;) {
    let failure: unknown
    try {
      const result = await probe()
      if (result !== false) return result as Exclude<T, false>
      failure = new Error(`still false after ${timeout} ms: ${probe.toString()}`)
    } catch (error) {
      failure = error
    }
    if (performance.now() > deadline) throw failure
    await delay(interval)
  }
}
