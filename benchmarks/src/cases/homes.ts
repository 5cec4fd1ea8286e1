import type { Spec } from '../contenders/contender'
import type { Metric } from '../contenders/metrics'
import { inFlight, ours, type Case, type Sizer } from './case'

const metrics: readonly Metric[] = [
  'waits/s',
  'Redis CPU a wait',
  'CPU a wait, waiting side',
  'CPU a wait, emitting side',
]

/** What a fleet of servers costs whose ids say where they are waited for. */
export function homes({ load, manyServers, mostServers }: Sizer): Case[] {
  const home = (servers: number, batch: boolean): Spec => ours({ channels: 'id', batch }, { homes: true, servers })
  const pattern = (servers: number, batch: boolean): Spec => ours({ batch }, { servers, longIds: true })
  const group = 'Homes'
  const alone = [2048, 256].map((count): Case => ({
    ...{ group, title: `1 server, ${inFlight(count)}`, against: 'pattern', metrics },
    ...{ ours: home(1, true), peer: pattern(1, true), load: load(count, 200_000, 5) },
    targets: { 'waits/s': { atLeast: 0.95 } },
  }))
  return [
    ...alone,
    {
      ...{
        group,
        title: `${manyServers} servers, each waits, batch off, ${inFlight(256)}`,
        against: 'pattern',
        metrics,
      },
      ...{ ours: home(manyServers, false), peer: pattern(manyServers, false), load: load(256, 30_000, 5) },
      targets: { 'Redis CPU a wait': { atMost: 0.35 }, 'CPU a wait, waiting side': { atMost: 0.45 } },
    },
    {
      ...{
        group,
        title: `${mostServers} servers, each waits, batch off, ${inFlight(2560)}`,
        against: 'pattern',
        metrics,
      },
      ...{ ours: home(mostServers, false), peer: pattern(mostServers, false), load: load(2560, 20_000, 3) },
      targets: { 'Redis CPU a wait': { atMost: 0.12 }, 'CPU a wait, waiting side': { atMost: 0.25 } },
    },
    {
      ...{ group, title: `${manyServers} servers, each waits, batch on, ${inFlight(5120)}`, against: 'id', metrics },
      ...{
        ours: home(manyServers, true),
        peer: ours({ channels: 'id' }, { servers: manyServers, longIds: true }),
        load: load(5120, 60_000, 3),
      },
      targets: { 'Redis CPU a wait': { atMost: 0.25 } },
    },
    {
      ...{ group, title: `${mostServers} servers, each with 50 in flight, batch off`, against: '5 servers', metrics },
      ...{ ours: home(mostServers, false), peer: home(5, false) },
      load: { ...load(50 * mostServers, 60_000, 3), inFlightOfPeer: 250 },
      targets: { 'Redis CPU a wait': { atMost: 1.25 } },
    },
  ]
}
