import { inFlight, ours, type Case, type Sizer } from './case'

/** PostgreSQL beside Redis. */
export function postgres({ load }: Sizer): Case[] {
  const metrics = ['waits/s', 'CPU a wait'] as const
  return [
    {
      ...{
        group: 'PostgreSQL',
        title: `plain, ${inFlight(256)}`,
        against: 'Redis',
        metrics,
        load: load(256, 50_000, 5),
      },
      ...{ ours: ours({}, { postgres: true }), peer: ours(), targets: { 'waits/s': { atLeast: 0.2 } } },
    },
    {
      ...{
        group: 'PostgreSQL',
        title: `kept, ${inFlight(256)}`,
        against: 'Redis',
        metrics,
        load: load(256, 20_000, 5),
      },
      ...{ ours: ours({}, { postgres: true, keep: true }), peer: ours({}, { keep: true }) },
      targets: { 'waits/s': { atLeast: 0.35 } },
    },
  ]
}
