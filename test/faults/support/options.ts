import type { RedisTransportOptions } from '@server-events/redis'

/** `npm run test:faults`: everything, controls and default options included. Else the part that `npm test` has time for. */
export const everything = process.env['FAULTS'] === 'all'

/** How many waits are pending when the fault strikes. */
export const pending = Number(process.env['FAULTS_WAITS'] ?? 1_000)

/** How long waits last, in ms: longer than any fault here, so that a wait that times out was lost. */
export const patience = 30_000

/** How late, in ms, a wait may settle after a timer of Node that began with it. */
export const slack = 10_000

/**
 * So that a silent connection is found within about a second. To connect and to subscribe take several turns of
 * the event loop: on a machine that is busy, a shorter time for them would never be enough.
 */
export const brisk = {
  heartbeat: 500,
  publishTimeout: 500,
  subscribeTimeout: 4_000,
  connectTimeout: 4_000,
} satisfies RedisTransportOptions

/** How often the store is asked, in ms, where the default would make a test take half a minute. */
export const briskBackstop = 1_000

/** How long outcomes are kept, in ms: longer than any test. */
export const keep = 300_000
