import type { Comparison } from './contenders/compare'

export type Target = { readonly atLeast: number } | { readonly atMost: number }

/** One figure of the run, and what it is held against. */
export interface Row {
  readonly group: string
  readonly title: string
  readonly metric: string
  /** What `value` is a ratio to; without it `value` is a figure of its own, in `unit`. */
  readonly against?: string
  readonly value: Comparison
  readonly unit: string
  /** The medians that the ratio is of, in `unit`. */
  readonly ours?: number
  readonly theirs?: number
  readonly target?: Target
}

/** What was not measured. */
export interface Skipped {
  readonly group: string
  readonly title: string
  readonly skipped: string
}

export function isMet({ median }: Comparison, target: Target): boolean {
  return 'atLeast' in target ? median >= target.atLeast : median <= target.atMost
}

/** How many targets there are, and how many are met. */
export function tally(rows: readonly Row[]): { met: number; targets: number } {
  const verdicts = rows.flatMap(({ value, target }) => (target ? [isMet(value, target)] : []))
  return { met: verdicts.filter(Boolean).length, targets: verdicts.length }
}
