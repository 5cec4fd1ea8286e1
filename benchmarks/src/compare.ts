import { Pair, type Measured } from './pair'
import type { PeerSpec } from './peers'

export interface Comparison {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

export interface Load {
  readonly inFlight: number
  /** Waits of a round. Short ones measure the compiler. */
  readonly waits: number
  readonly rounds: number
}

export function summarise(values: readonly number[]): Comparison {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median =
    sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
  return { median, lowest: sorted[0] ?? NaN, highest: sorted.at(-1) ?? NaN }
}

export interface Result {
  readonly throughput: Comparison
  readonly cpu: Comparison
  readonly first: readonly Measured[]
  readonly second: readonly Measured[]
}

/** Interleaves rounds of two peers, the order alternating, and compares each round with its neighbour. */
export async function compare(first: PeerSpec, second: PeerSpec, load: Load): Promise<Result> {
  const pairs = [await Pair.start(first), await Pair.start(second)] as const
  const round = { waits: load.waits, inFlight: load.inFlight, latencies: false }
  const measured: [Measured[], Measured[]] = [[], []]
  try {
    for (const pair of pairs) await pair.round({ ...round, waits: Math.ceil(load.waits / 4) })
    for (let index = 0; index < load.rounds; index++) {
      for (const which of index % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        measured[which].push(await pairs[which].round(round))
      }
    }
  } finally {
    await Promise.all(pairs.map((pair) => pair.stop()))
  }
  const ratios = (of: (one: Measured) => number): Comparison =>
    summarise(measured[0].map((mine, index) => of(mine) / of(measured[1][index] as Measured)))
  return {
    throughput: ratios((one) => one.waitsPerSecond),
    cpu: ratios((one) => one.cpuPerWait),
    first: measured[0],
    second: measured[1],
  }
}
