import type { Spec } from '../contenders/contender'
import type { Metric } from '../contenders/metrics'
import type { Mode } from '../peers/spec'
import { byHand, ours, type Case, type Sizer } from './case'

const metrics: readonly Metric[] = [
  'Redis CPU a wait',
  'waits/s',
  'CPU a wait, waiting side',
  'CPU a wait, emitting side',
  'events a PUBLISH',
]

/**
 * Many server processes on one name. The one producer stands for many processes that each emit an
 * event now and then: such events never share a frame, so that batch is off. Where it is on, one
 * producer has much to say in a tick.
 */
export function servers({ load, manyServers }: Sizer): Case[] {
  const mode = (channels: Mode, more: Partial<Spec> = {}): Spec => {
    return ours({ channels, batch: false }, { servers: manyServers, ...more })
  }
  const versus = (title: string, against: string, mine: Spec, peer: Spec): Omit<Case, 'load'> => {
    return { group: 'Servers', title, against, ours: mine, peer, metrics }
  }
  /** 'id' mode against 'pattern' mode. */
  const byId = (title: string, more: Partial<Spec> = {}): Omit<Case, 'load'> => {
    return versus(`id, 20 servers, ${title}`, 'pattern', mode('id', more), mode('pattern', more))
  }
  const one = { waiting: 1 }
  return [
    {
      ...byId('one of them waits, 256 in flight', one),
      load: load(256, 50_000, 5),
      targets: { 'Redis CPU a wait': { atMost: 0.5 } },
    },
    { ...byId('each waits, 5,120 in flight'), load: load(5120, 60_000, 3) },
    { ...byId('each waits, 256 in flight'), load: load(256, 30_000, 3) },
    { ...byId('each waits for 1 of 4 events, 256 in flight', { unasked: 3 }), load: load(256, 15_000, 3) },
    { ...byId('each waits, 20 in flight'), load: load(20, 5_000, 3) },
    {
      ...versus(
        'id, batch on, 20 servers, each waits, 5,120 in flight',
        'pattern',
        ours({ channels: 'id' }, { servers: manyServers }),
        ours({}, { servers: manyServers }),
      ),
      load: load(5120, 60_000, 3),
    },
    {
      ...versus(
        'name, 20 servers, one of them waits, 256 in flight',
        'pattern',
        mode('name', one),
        mode('pattern', one),
      ),
      load: load(256, 30_000, 3),
    },
    ...[true, false].map((batch): Case => ({
      ...versus(
        `pattern, batch ${batch ? 'on' : 'off'}, 20 servers, one of them waits, 256 in flight`,
        'by hand',
        ours({ batch }, { servers: manyServers, ...one }),
        { ...byHand, servers: manyServers, ...one },
      ),
      load: load(256, 30_000, 3),
    })),
  ]
}
