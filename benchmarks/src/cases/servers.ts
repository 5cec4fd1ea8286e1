import type { Spec } from '../contender'
import type { Metric } from '../metrics'
import type { Mode } from '../peers/spec'
import { byHand, ours, type Case, type Sizer } from './case'

const group = 'Servers'
const metrics: readonly Metric[] = [
  'Redis CPU a wait',
  'waits/s',
  'CPU a wait, waiting side',
  'CPU a wait, emitting side',
  'events a PUBLISH',
]

/**
 * Many server processes on one name, each waiting for its share of the ids. The one emitter stands
 * for many, of which each emits an event now and then: with batch off every event is a PUBLISH, as
 * it is if events come from different processes. Where batch is on, one emitter has much to say.
 */
export function servers({ load, manyServers: count }: Sizer): Case[] {
  const alone = load(1, 20_000, 5)
  const few = load(1, 10_000, 3)
  const many = load(64, 100_000, 3)
  const lone = (channels: Mode, servers: number): Spec => ours({ channels, batch: false }, { servers })
  const together = (channels: Mode): Spec => ours({ channels }, { servers: count })
  const one = { ...byHand, servers: count }
  return [
    {
      ...{ group, title: 'id, 20 servers, events alone', against: 'pattern', metrics, load: alone },
      ...{ ours: lone('id', count), peer: lone('pattern', count) },
      targets: { 'Redis CPU a wait': { atMost: 0.5 } },
    },
    {
      ...{ group, title: 'name, 20 servers, events alone', against: 'pattern', metrics, load: few },
      ...{ ours: lone('name', count), peer: lone('pattern', count) },
    },
    {
      ...{ group, title: 'pattern, 20 servers, events alone', against: 'by hand', metrics, load: few },
      ...{ ours: lone('pattern', count), peer: one },
    },
    {
      ...{ group, title: 'pattern, 20 servers, events alone', against: '1 server', metrics, load: few },
      ...{ ours: lone('pattern', count), peer: lone('pattern', 1) },
    },
    {
      ...{ group, title: 'id, 20 servers, events alone', against: '1 server', metrics, load: few },
      ...{ ours: lone('id', count), peer: lone('id', 1) },
    },
    {
      ...{ group, title: 'id, 20 servers, events together', against: 'pattern', metrics, load: many },
      ...{ ours: together('id'), peer: together('pattern') },
    },
    {
      ...{ group, title: 'pattern, 20 servers, events together', against: 'by hand', metrics, load: many },
      ...{ ours: together('pattern'), peer: one },
    },
  ]
}
