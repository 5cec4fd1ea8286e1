import type { Case, Sizer } from './case'
import { latency } from './latency'
import { batches, kept } from './modes'
import { names } from './names'
import { servers } from './servers'
import { waits } from './waits'

export { rowsOf } from './case'

/** `share` scales the number of waits: short rounds measure the compiler, but show that all runs. */
export function casesOf(share: number): Case[] {
  const sizer: Sizer = {
    load: (inFlight, count, rounds) => ({
      inFlight,
      waits: Math.max(inFlight, Math.ceil(count * share)),
      rounds: share < 1 ? 1 : rounds,
    }),
    flights: share < 1 ? [256] : [2048, 256, 1],
    manyServers: share < 1 ? 2 : 20,
  }
  return [waits, batches, kept, latency, names, servers].flatMap((group) => group(sizer))
}
