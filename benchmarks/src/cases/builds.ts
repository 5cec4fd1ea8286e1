import type { Build } from '../contenders/builds'
import type { Spec } from '../contenders/contender'
import type { Metric } from '../contenders/metrics'
import { inFlight, ours, type Case, type Sizer } from './case'

const metrics: readonly Metric[] = ['waits/s', 'CPU a wait']

/** Many short ones: what else the machine does then meets neighbours alike, and 2 % can be seen. */
const rounds = 201

/** What is here against another build: what has been added may cost those who do not use it 2 %. */
export function builds({ folder, title }: Build, { load, flights }: Sizer): Case[] {
  const sides = (spec: Partial<Spec>): Pick<Case, 'ours' | 'peer'> => ({
    ours: ours({}, spec),
    peer: ours({}, { ...spec, build: folder }),
  })
  const common = { group: 'Builds', against: title, metrics, targets: { 'CPU a wait': { atMost: 1.02 } } }
  return [
    ...flights.map((count) => ({
      ...{ ...common, title: `plain, ${inFlight(count)}`, ...sides({}) },
      load: load(count, count === 1 ? 500 : 10_000, rounds),
    })),
    { ...common, title: 'kept, 256 in flight', ...sides({ keep: true }), load: load(256, 5_000, rounds) },
  ]
}
