import { atEndOfTick } from 'server-events/transport-kit'

/** How much goes at a time. */
export interface BatchLimits {
  readonly count: number
  /** Of what `sizeOf` says. */
  readonly size: number
}

/**
 * Collects what is asked in a tick, and while the batch before is under way: so that there is at most
 * one under way, and what comes fast travels in few.
 */
export class Batcher<T> {
  readonly #limits: BatchLimits
  readonly #sizeOf: (item: T) => number
  readonly #run: (batch: readonly T[]) => Promise<void>
  #waiting: T[] = []
  #woken = false
  /** Until nothing is left. */
  #running: Promise<void> | undefined

  /** `run` settles each item of its batch and never rejects. */
  constructor(limits: BatchLimits, sizeOf: (item: T) => number, run: (batch: readonly T[]) => Promise<void>) {
    this.#limits = limits
    this.#sizeOf = sizeOf
    this.#run = run
  }

  add(item: T): void {
    this.#waiting.push(item)
    this.#running ??= this.#runAll()
  }

  /** Runs an empty batch before all others: `run` has something of its own to do. */
  wake(): void {
    this.#woken = true
    this.#running ??= this.#runAll()
  }

  /** Nothing is left, nor under way. */
  get isIdle(): boolean {
    return this.#running === undefined
  }

  /** Resolves when nothing is left. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #runAll(): Promise<void> {
    await new Promise<void>(atEndOfTick)
    for (;;)
      if (this.#woken) {
        this.#woken = false
        await this.#run([])
      } else if (this.#waiting.length > 0) await this.#run(this.#take())
      else break
    this.#running = undefined
  }

  #take(): T[] {
    let size = 0
    let count = 0
    for (const item of this.#waiting) {
      size += this.#sizeOf(item)
      if (count > 0 && (count >= this.#limits.count || size > this.#limits.size)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }
}
