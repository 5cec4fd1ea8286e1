import type { Spec } from '../contenders/contender'
import type { Metric } from '../contenders/metrics'
import type { Mode } from '../peers/spec'
import { byHand, inFlight, ours, type Case, type Sizer } from './case'

const modes: readonly Mode[] = ['pattern', 'name', 'id']
const metrics: readonly Metric[] = ['waits/s', 'CPU a wait', 'Redis CPU a wait']

/** Every mode with batch on and off. */
export function batches({ load, flights }: Sizer): Case[] {
  const cases = modes.flatMap((channels) => [true, false].map((batch) => ({ channels, batch })))
  return cases.flatMap((transport) =>
    flights.map((count): Case => {
      const title = `${transport.channels}, batch ${transport.batch ? 'on' : 'off'}, ${inFlight(count)}`
      const promised = title === 'pattern, batch off, 256 in flight'
      return {
        ...{ group: 'Modes', title, against: 'by hand', ours: ours(transport), peer: byHand, metrics },
        load: promised ? load(count, 200_000, 5) : load(count, count === 1 ? 5_000 : 60_000, 3),
        ...(promised && { targets: { 'waits/s': { atLeast: 0.95 } } }),
      }
    }),
  )
}

/** Every mode with outcomes kept: SET and PUBLISH on one side, GET on the other. */
export function kept({ load, flights }: Sizer): Case[] {
  const byHandToo = modes.flatMap((channels) =>
    flights.map((count): Case => {
      const title = `${channels}, ${inFlight(count)}`
      const promised = title === 'pattern, 256 in flight'
      return {
        ...{ group: 'Kept', title, against: 'the same commands by hand', metrics },
        ...{ ours: ours({ channels }, { keep: true }), peer: { ...byHand, keep: true } },
        load: promised ? load(count, 100_000, 5) : load(count, count === 1 ? 5_000 : 40_000, 3),
        ...(promised && { targets: { 'waits/s': { atLeast: 1.7 } } }),
        ...(title === 'pattern, 1 in flight' && { targets: { 'waits/s': { atLeast: 0.97 } } }),
      }
    }),
  )
  return [
    ...byHandToo,
    {
      ...{ group: 'Kept', title: 'pattern, 256 in flight', against: 'what BullMQ Relay retains', metrics },
      ...{ ours: ours({}, { keep: true }), peer: { kind: 'relay', keep: true } },
      load: { ...load(256, 40_000, 3), waitsOfPeer: load(256, 1_000, 3).waits },
      targets: { 'waits/s': { atLeast: 7 } },
    },
  ]
}

/** What the parts that are not asked for by default cost. */
export function parts({ load }: Sizer): Case[] {
  const kept: Partial<Spec> = { keep: true }
  return [
    {
      ...{ group: 'Parts', title: 'sealed, 256 in flight', against: 'not sealed', metrics },
      ...{ ours: ours({}, { sealed: true }), peer: ours(), load: load(256, 100_000, 5) },
      targets: { 'CPU a wait': { atMost: 1.5 } },
    },
    {
      ...{ group: 'Parts', title: 'kept once, 256 in flight', against: 'kept', metrics },
      ...{ ours: ours({}, { ...kept, once: true }), peer: ours({}, kept), load: load(256, 50_000, 5) },
      targets: { 'waits/s': { atLeast: 0.7 } },
    },
    {
      ...{ group: 'Parts', title: 'traced by OpenTelemetry, 256 in flight', against: 'not traced', metrics },
      ...{ ours: ours({}, { traced: true }), peer: ours(), load: load(256, 50_000, 5) },
    },
  ]
}
