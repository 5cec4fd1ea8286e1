import { compare, type Load } from '../contenders/compare'
import type { Spec } from '../contenders/contender'
import { figureOf, type Metric } from '../contenders/metrics'
import type { Row, Target } from '../row'

/** Ours (or what stands in its place) against a peer, on the same work in the same run. */
export interface Case {
  readonly group: string
  readonly title: string
  readonly against: string
  readonly ours: Spec
  readonly peer: Spec
  readonly load: Load
  readonly metrics: readonly Metric[]
  readonly targets?: Partial<Record<Metric, Target>>
}

export async function rowsOf({ group, title, against, ours, peer, load, metrics, targets }: Case): Promise<Row[]> {
  const measured = await compare(ours, peer, load)
  return metrics.map((metric) => {
    const target = targets?.[metric]
    return { group, title, against, metric, ...figureOf(metric, measured), ...(target && { target }) }
  })
}

/** How much is measured: less, in a run that only shows that all runs. */
export interface Sizer {
  readonly load: (inFlight: number, waits: number, rounds: number) => Load
  /** How many waits are in flight, in cases that are measured with few and with many. */
  readonly flights: readonly number[]
  readonly manyServers: number
  readonly mostServers: number
  /** How many servers the fleets have that are compared. */
  readonly fleets: readonly number[]
}

export const byHand: Spec = { kind: 'by-hand' }

export function ours(transport: NonNullable<Spec['transport']> = {}, more: Partial<Spec> = {}): Spec {
  return { kind: 'ours', transport, ...more }
}

export function inFlight(count: number): string {
  return `${count.toLocaleString('en')} in flight`
}
