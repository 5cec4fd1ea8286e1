import type { Case, Sizer } from './case'
import { homes } from './homes'
import { latency } from './latency'
import { batches, kept, parts } from './modes'
import { names } from './names'
import { postgres } from './postgres'
import { servers } from './servers'
import { waits } from './waits'

export { builds } from './builds'
export { rowsOf } from './case'
export { fleet } from './fleet'

/** What is compared. */
export function casesOf(sizer: Sizer): Case[] {
  return [waits, batches, kept, parts, latency, names, servers, homes, postgres].flatMap((group) => group(sizer))
}

/** `share` scales the number of waits: short rounds measure the compiler, but show that all runs. */
export function sizerOf(share: number): Sizer {
  return {
    load: (inFlight, count, rounds) => ({
      inFlight,
      waits: Math.max(inFlight, Math.ceil(count * share)),
      rounds: share < 1 ? 1 : rounds,
    }),
    flights: share < 1 ? [256] : [2048, 256, 1],
    manyServers: share < 1 ? 2 : 20,
    mostServers: share < 1 ? 3 : 50,
    fleets: share < 1 ? [1, 3] : [1, 5, 20, 50],
  }
}
