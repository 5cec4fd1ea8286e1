import type { Metric } from '../contenders/metrics'
import type { Mode } from '../peers/spec'
import { ours, type Case, type Sizer } from './case'

const metrics: readonly Metric[] = ['waits/s', 'CPU a wait', 'Redis CPU a wait']
const modes: readonly Mode[] = ['pattern', 'name']

/**
 * What it costs that a server listens to many names, while the waits that are measured are on one
 * of them; and what is left if they go round over all, so that hardly two events share a frame.
 */
export function names({ load }: Sizer): Case[] {
  const group = 'Names'
  const onOne = modes.flatMap((channels) =>
    [10, 1_000, 10_000].map((count): Case => {
      const promised = channels === 'name' && count === 10_000
      return {
        ...{
          group,
          title: `${channels}, listening to ${count.toLocaleString('en')} names`,
          against: '1 name',
          metrics,
        },
        ...{ ours: ours({ channels }, { names: count }), peer: ours({ channels }) },
        load: promised ? load(256, 400_000, 9) : load(256, 50_000, 3),
        ...(promised && { targets: { 'waits/s': { atLeast: 0.9 } } }),
      }
    }),
  )
  const alone = { channels: 'pattern', batch: false } as const
  return [
    ...onOne,
    {
      ...{ group, title: 'pattern, batch off, listening to 1,000 names', against: '1 name', metrics },
      ...{ ours: ours(alone, { names: 1_000 }), peer: ours(alone) },
      load: load(256, 10_000, 3),
    },
    {
      ...{ group, title: 'name, waits spread over 10,000 names', against: '1 name', metrics },
      ...{ ours: ours({ channels: 'name' }, { names: 10_000, spread: true }), peer: ours({ channels: 'name' }) },
      load: load(256, 50_000, 3),
      targets: { 'waits/s': { atLeast: 0.6 } },
    },
  ]
}
