import { byHand, inFlight, ours, type Case, type Sizer } from './case'

/** How long a round at a fixed rate lasts, in s. */
const duration = 4

/** How long waits take, from the call to the event: in rounds of their own, because clocks cost. */
export function latency({ load }: Sizer): Case[] {
  const against = { against: 'by hand', ours: ours(), peer: byHand }
  const closed = [256, 1].map((count): Case => ({
    ...{ group: 'Time to settle', title: inFlight(count), ...against, metrics: ['p50', 'p99'] },
    load: { ...load(count, count === 1 ? 10_000 : 200_000, 5), latencies: true },
  }))
  // From the moment that each was to begin, whatever becomes of those before: as users come.
  const open = [100, 1_000, 10_000].map((rate): Case => ({
    ...{ group: 'Fixed rates', title: `${rate.toLocaleString('en')} events a second`, ...against },
    ...{ metrics: ['p50', 'p99', 'p99.9'], load: { ...load(1, rate * duration, 3), rate, latencies: true } },
  }))
  return [...closed, ...open]
}
