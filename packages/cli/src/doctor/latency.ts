import { percentile } from '../percentile'
import { docs, ok, warn } from './finding'
import type { Finding } from './finding'

/** In ms; from here on each wait feels it, or one in a hundred does. */
const slow = { p50: 100, p99: 1_000 }

/** `taken` in ms, in order of length, and not empty. */
export function judgeLatency(check: string, taken: readonly number[], cure: string): Finding {
  const [p50, p99] = [percentile(taken, 0.5), percentile(taken, 0.99)]
  const found = `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, of ${taken.length}`
  return p50 < slow.p50 && p99 < slow.p99 ? ok(check, found) : warn(check, found, cure, docs.faults)
}
