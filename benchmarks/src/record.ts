import { cpus } from 'node:os'
import type { Row, Skipped } from './row'

/** What a run leaves for machines. */
export interface Run {
  readonly recorded: string
  /** Of a run with --quick, which measures nothing. */
  readonly quick: boolean
  readonly node: string
  readonly cores: number
  readonly results: readonly (Row | Skipped)[]
}

export function runOf(results: readonly (Row | Skipped)[], quick: boolean): Run {
  const recorded = new Date().toISOString().slice(0, 10)
  return { recorded, quick, node: process.version, cores: cpus().length, results }
}

export function measured({ results }: Pick<Run, 'results'>): Row[] {
  return results.filter((row) => !('skipped' in row)) as Row[]
}
