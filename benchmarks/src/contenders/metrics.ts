import { ratios, summarise, type Comparison } from './compare'
import type { Figures } from './contender'

interface Definition {
  readonly unit: string
  readonly of: (figures: Figures) => number
}

/** What can be asked of a round. CPU is user and system time; of the processes on both sides if it does not say which. */
const metrics = {
  'waits/s': { unit: '/s', of: ({ waitsPerSecond }) => waitsPerSecond },
  'CPU a wait': { unit: 'µs', of: ({ cpuPerWait }) => cpuPerWait * 1000 },
  'CPU a wait, waiting side': { unit: 'µs', of: ({ waiterCpu }) => waiterCpu * 1000 },
  'CPU a wait, emitting side': { unit: 'µs', of: ({ emitterCpu }) => emitterCpu * 1000 },
  'Redis CPU a wait': { unit: 'µs', of: ({ redisCpu }) => redisCpu * 1000 },
  'events a PUBLISH': { unit: '', of: ({ perPublish }) => perPublish },
  p50: { unit: 'ms', of: ({ p50 }) => p50 },
  p99: { unit: 'ms', of: ({ p99 }) => p99 },
  'p99.9': { unit: 'ms', of: ({ p999 }) => p999 },
} satisfies Record<string, Definition>

export type Metric = keyof typeof metrics

/** A metric of the rounds of two contenders: the ratio of each with its neighbour, and both medians. */
export function figureOf(
  metric: Metric,
  [first, second]: readonly [readonly Figures[], readonly Figures[]],
): { value: Comparison; unit: string; ours: number; theirs: number } {
  const { unit, of }: Definition = metrics[metric]
  const [mine, theirs] = [first.map(of), second.map(of)]
  return { value: ratios(mine, theirs), unit, ours: summarise(mine).median, theirs: summarise(theirs).median }
}
