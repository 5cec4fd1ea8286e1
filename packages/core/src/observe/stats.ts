import type { SideStats } from './connection-health'

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
/** Why the store was asked. */
export type Way = 'recall' | 'restored' | 'backstop'

/** How a wait settled. */
export type Outcome = (typeof outcomes)[number]

/** How a stream ended: by its `until`, by its reader, or by an error. `threw`: `until` did. */
export type StreamOutcome =
  'until' | 'returned' | 'failure' | 'timeout' | 'overflow' | 'threw' | 'aborted' | 'refused' | 'closed'

/** How many of one name there are now. */
export interface NameStats {
  readonly name: string
  /** Waits that have not settled. */
  readonly waits: number
  /** Open streams. */
  readonly streams: number
  /** Calls of `listen` that have not been closed, with a listener. */
  readonly listeners: number
}

/** A snapshot of an instance, for logs, metrics and a readiness check. */
export interface Stats {
  /** Waits that have not settled, and open streams. */
  readonly pending: number
  /** Names with waits, streams, listeners or a subscription. */
  readonly names: number
  /** The ten names with the most waits and streams, the first with the most; none without any. */
  readonly busiest: readonly NameStats[]
  /** Emits and fails that have not settled. */
  readonly queued: number
  /** How waits settled so far, streams not counted; a last look counts as backstop, a recalled failure as failure. */
  readonly settled: Readonly<Record<Outcome, number>>
  /** The publishing side. */
  readonly inputStore: SideStats
  /** The subscribing side. */
  readonly outputStore: SideStats
}

export function newCounts(): Record<Outcome, number> {
  return Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<Outcome, number>
}
