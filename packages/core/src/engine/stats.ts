import type { StoreStats } from './stores'

const outcomes = [
  'event',
  'recall',
  'restored',
  'backstop',
  'failure',
  'timeout',
  'aborted',
  'refused',
  'closed',
] as const
/** How a wait settled. */
export type Outcome = (typeof outcomes)[number]

/** How a stream ended: by its `until`, by its reader, or by an error. `threw`: `until` did. */
export type StreamOutcome =
  'until' | 'returned' | 'failure' | 'timeout' | 'overflow' | 'threw' | 'aborted' | 'refused' | 'closed'

/** A snapshot of an instance, for logs, metrics and a readiness check. */
export interface Stats {
  /** Waits that have not settled, and open streams. */
  readonly pending: number
  /** Names with waits, streams, listeners or a subscription. */
  readonly names: number
  /** Emits and fails that have not settled. */
  readonly queued: number
  /** How waits settled so far, streams not counted; a last look counts as backstop, a recalled failure as failure. */
  readonly settled: Readonly<Record<Outcome, number>>
  /** The publishing side. */
  readonly inputStore: StoreStats
  /** The subscribing side. */
  readonly outputStore: StoreStats
}

export function newCounts(): Record<Outcome, number> {
  return Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<Outcome, number>
}
