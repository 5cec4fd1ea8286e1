import { byHand, inFlight, ours, type Case, type Sizer } from './case'

/** How long waits take, from the call to the event: in rounds of their own, because clocks cost. */
export function latency({ load }: Sizer): Case[] {
  return [256, 1].map((count) => ({
    ...{ group: 'Time to settle', title: inFlight(count), against: 'by hand', ours: ours(), peer: byHand },
    load: { ...load(count, count === 1 ? 10_000 : 200_000, 5), latencies: true },
    metrics: ['p50', 'p99'],
  }))
}
