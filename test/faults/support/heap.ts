/** In MB: less is noise, which at 1,000 events a second for two minutes is under 100 bytes an event. */
const tolerance = 10
const MB = 1_048_576

/** Whether the heap grows while as many waits are pending as before. */
export class Heap {
  now = 0
  readonly #start = performance.now()
  readonly #samples: number[] = []

  constructor(readonly duration: number) {}

  look(): void {
    globalThis.gc?.()
    this.now = Math.round(process.memoryUsage().heapUsed / MB)
    const passed = performance.now() - this.#start
    // At first it fills, in the end it empties.
    if (passed > this.duration / 6 && passed < this.duration) this.#samples.push(this.now)
  }

  /** What is wrong, if anything is. */
  growth(): string[] {
    const third = Math.floor(this.#samples.length / 3)
    const before = median(this.#samples.slice(0, third))
    const after = median(this.#samples.slice(-third))
    return after > before * 1.1 + tolerance ? [`the heap grew from ${before} MB to ${after} MB`] : []
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
