import type { Spec } from '../contenders/contender'
import type { Metric } from '../contenders/metrics'
import { byHand, inFlight, ours, type Case, type Sizer } from './case'

const nats: Spec = { kind: 'nats' }
const floor: Spec = { kind: 'floor' }

/** One server that waits and one that emits: ours against peers, and peers against by hand. */
export function waits({ load, flights }: Sizer): Case[] {
  const group = 'Waits'
  const metrics: readonly Metric[] = ['waits/s', 'CPU a wait']
  const long = load(256, 400_000, 5)
  const short = load(256, 100_000, 3)
  const six: Spec = { ...byHand, ioredis: 6 }
  return [
    {
      ...{ group, title: 'ours, 2,048 in flight', against: 'by hand', ours: ours(), peer: byHand, metrics },
      load: load(2048, 400_000, 9),
      targets: { 'waits/s': { atLeast: 3 } },
    },
    {
      ...{ group, title: 'ours, 256 in flight', against: 'by hand', ours: ours(), peer: byHand, metrics, load: long },
      targets: { 'waits/s': { atLeast: 2.8 }, 'CPU a wait': { atMost: 0.4 } },
    },
    {
      ...{ group, title: 'ours, 1 in flight', against: 'by hand', ours: ours(), peer: byHand, metrics },
      load: load(1, 20_000, 5),
      targets: { 'waits/s': { atLeast: 1 } },
    },
    {
      ...{ group, title: 'ours, 256 in flight', against: 'NATS core by hand', ours: ours(), peer: nats, metrics },
      load: long,
      targets: { 'waits/s': { atLeast: 2.4 } },
    },
    {
      ...{ group, title: 'ours, 256 in flight', against: 'the floor', ours: ours(), peer: floor },
      metrics: ['CPU a wait'],
      load: load(256, 200_000, 5),
      targets: { 'CPU a wait': { atMost: 2 } },
    },
    {
      ...{ group, title: 'by hand, 256 in flight', against: 'the floor', ours: byHand, peer: floor, load: short },
      metrics: ['CPU a wait'],
    },
    {
      ...{ group, title: 'ours on ioredis 6, 256 in flight', against: 'by hand on ioredis 6', metrics, load: short },
      ...{ ours: ours({}, { ioredis: 6 }), peer: six },
    },
    {
      ...{ group, title: 'by hand on ioredis 6, 256 in flight', against: 'by hand', metrics, load: short },
      ...{ ours: six, peer: byHand },
    },
    ...flights.map((count) => ({
      ...{ group, title: `NATS core by hand, ${inFlight(count)}`, against: 'by hand', ours: nats, peer: byHand },
      metrics,
      load: load(count, count === 1 ? 10_000 : 100_000, 3),
    })),
    {
      ...{ group, title: 'BullMQ waitUntilFinished, 256 in flight', against: 'by hand', metrics },
      ...{ ours: { kind: 'bullmq' }, peer: byHand, load: load(256, 10_000, 3) },
    },
    {
      ...{
        group,
        title: 'ours, 256 in flight',
        against: 'BullMQ Relay',
        ours: ours(),
        peer: { kind: 'relay' },
        metrics,
      },
      load: { ...load(256, 100_000, 3), waitsOfPeer: load(256, 5_000, 3).waits },
      targets: { 'waits/s': { atLeast: 8 } },
    },
    {
      ...{ group, title: 'ours beside 100,000 other pending waits, 256 in flight', against: 'ours', metrics },
      ...{ ours: ours({}, { pending: 100_000 }), peer: ours(), load: short },
    },
  ]
}
