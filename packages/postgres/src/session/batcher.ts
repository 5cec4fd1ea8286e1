import { performance } from 'node:perf_hooks'
import { atEndOfTick } from 'server-events/transport-kit'

// Taken at load: fake timers replace it later.
const later = setTimeout

/** A batch that took so many ms is followed by a rest of so many times that, and of so many ms at most. */
const REST = 4
const LONGEST_REST = 20

/** How much goes at a time. */
export interface BatchLimits {
  readonly count: number
  /** Of what `sizeOf` says. */
  readonly size: number
  /**
   * Whether more is to gather between two batches, for a share of the time they took: where nobody waits for what they
   * do, many small ones would only take the machine from who is waited for.
   */
  readonly rests?: boolean
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
  /** Until when it rests. */
  #rested = 0
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
      } else if (this.#waiting.length === 0) break
      else if (this.#limits.rests) await this.#runRested()
      else await this.#run(this.#take())
    this.#running = undefined
  }

  async #runRested(): Promise<void> {
    const left = Math.min(LONGEST_REST, Math.ceil(this.#rested - performance.now()))
    if (left > 0) await new Promise((resolve) => later(resolve, left))
    const begun = performance.now()
    await this.#run(this.#take())
    const ended = performance.now()
    this.#rested = ended + Math.min(LONGEST_REST, REST * (ended - begun))
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
