import type { Round } from '../roles/waiter'
import { start, type Figures, type Spec } from './contender'

export interface Comparison {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

export interface Load {
  readonly inFlight: number
  /** Of the second one; as many by default. */
  readonly inFlightOfPeer?: number
  /** Waits of a round. Short ones measure the compiler. */
  readonly waits: number
  /** Of the second one, if it is so slow that it would take minutes; as many by default. */
  readonly waitsOfPeer?: number
  /** So many waits a second begin, however many are pending then; without it the next one begins when one has ended. */
  readonly rate?: number
  readonly rounds: number
  /** Whether each wait's own duration is taken; it costs. */
  readonly latencies?: boolean
}

export function summarise(values: readonly number[]): Comparison {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median =
    sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
  return { median, lowest: sorted[0] ?? NaN, highest: sorted.at(-1) ?? NaN }
}

/** Each value as a ratio to its neighbour of the same round. */
export function ratios(first: readonly number[], second: readonly number[]): Comparison {
  return summarise(first.map((value, index) => value / (second[index] ?? NaN)))
}

/** Calls two by turns, the order alternating; gives what each call gave. */
export async function interleave<T>(
  [first, second]: readonly [() => Promise<T>, () => Promise<T>],
  rounds: number,
): Promise<[T[], T[]]> {
  const given: [T[], T[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    for (const which of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const))
      given[which].push(await (which === 0 ? first : second)())
  }
  return given
}

/** Interleaved rounds of two contenders, after a shorter one of each to warm up. */
export async function compare(first: Spec, second: Spec, load: Load): Promise<[Figures[], Figures[]]> {
  const round = roundOf(load)
  return using([() => start(first), () => start(second)], async ([mine, theirs]): Promise<[Figures[], Figures[]]> => {
    const ofPeer = roundOf({
      ...load,
      inFlight: load.inFlightOfPeer ?? load.inFlight,
      waits: load.waitsOfPeer ?? load.waits,
    })
    for (const [one, its] of [
      [mine, round],
      [theirs, ofPeer],
    ] as const)
      await one.round({ ...its, waits: Math.ceil(its.waits / 4) })
    return interleave([() => mine.round(round), () => theirs.round(ofPeer)], load.rounds)
  })
}

/** Rounds of one contender by itself, after a shorter one to warm up. */
export async function repeat(spec: Spec, load: Load): Promise<Figures[]> {
  const round = roundOf(load)
  const one = await start(spec)
  try {
    await one.round({ ...round, waits: Math.ceil(round.waits / 4) })
    const rounds: Figures[] = []
    for (let left = load.rounds; left > 0; left--) rounds.push(await one.round(round))
    return rounds
  } finally {
    await one.stop()
  }
}

function roundOf({ waits, inFlight, latencies = false, rate }: Load): Round {
  return { waits, inFlight, latencies, ...(rate !== undefined && { rate }) }
}

interface Stoppable {
  stop(): Promise<void>
}

/** Starts two, uses them, and stops what has started, whatever happens. */
export async function using<T extends Stoppable, R>(
  starts: readonly [() => Promise<T>, () => Promise<T>],
  use: (both: readonly [T, T]) => Promise<R>,
): Promise<R> {
  const started = await Promise.allSettled(starts.map((one) => one()))
  try {
    const [mine, theirs] = started.map((one) => {
      if (one.status === 'rejected') throw one.reason
      return one.value
    })
    return await use([mine as T, theirs as T])
  } finally {
    await Promise.all(started.flatMap((one) => (one.status === 'fulfilled' ? [one.value.stop()] : [])))
  }
}
