import type { Metric } from '../metrics'
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
        load: promised ? load(count, 200_000, 5) : load(count, count === 1 ? 10_000 : 60_000, 3),
        ...(promised && { targets: { 'waits/s': { atLeast: 0.95 } } }),
      }
    }),
  )
}

/** Every mode with outcomes kept: SET and PUBLISH on one side, GET on the other. */
export function kept({ load, flights }: Sizer): Case[] {
  return modes.flatMap((channels) =>
    flights.map((count): Case => {
      const title = `${channels}, ${inFlight(count)}`
      const promised = title === 'pattern, 256 in flight'
      return {
        ...{ group: 'Kept', title, against: 'the same commands by hand', metrics },
        ...{ ours: ours({ channels }, { keep: true }), peer: { ...byHand, keep: true } },
        load: promised ? load(count, 100_000, 5) : load(count, count === 1 ? 5_000 : 40_000, 3),
        ...(promised && { targets: { 'waits/s': { atLeast: 1.6 } } }),
      }
    }),
  )
}
