import { performance } from 'node:perf_hooks'
import type { Finding } from '../finding'
import { judgeLatency } from '../latency'
import type { Client } from '../../redis/client'
import { EMPTY_FRAME } from '../../redis/probe'
import type { Probe } from '../../redis/probe'

const CURE =
  'look at the way there, and for slow commands on the server (SLOWLOG GET): every emit and every wait pays this'
const SAMPLES = 200
/** In ms, for each of the three. */
const BOUND = 2_000

/** How long a round trip takes on each side, and an event from one to the other. */
export async function checkLatency(publisher: Client, subscriber: Client, probe: Probe): Promise<Finding[]> {
  const sides = [
    ['latency of publishing', await publisher.rounds(SAMPLES, BOUND, 'PUBLISH', probe.emitted, EMPTY_FRAME)],
    ['latency of subscribing', await subscriber.rounds(SAMPLES, BOUND, 'PING')],
    ['latency of an event', await deliveries(publisher, subscriber, probe)],
  ] as const
  return sides.flatMap(([check, taken]) => (taken.length === 0 ? [] : [judgeLatency(check, taken, CURE)]))
}

/** From PUBLISH to message, one after the other. Whatever else comes on the channel is not ours. */
async function deliveries(publisher: Client, subscriber: Client, probe: Probe): Promise<number[]> {
  if ((await subscriber.ask(probe.subscribe, probe.topic)).refused !== undefined) return []
  let heard = (): void => {}
  subscriber.onMessage((at) => {
    if (at === probe.emitted) heard()
  })
  const taken: number[] = []
  const end = performance.now() + BOUND
  while (taken.length < SAMPLES && performance.now() < end) {
    const began = performance.now()
    const arrived = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), end - began)
      heard = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
    const { refused } = await publisher.ask('PUBLISH', probe.emitted, EMPTY_FRAME)
    if (refused !== undefined) heard()
    if (refused !== undefined || !(await arrived)) break
    taken.push(performance.now() - began)
  }
  await subscriber.ask(probe.unsubscribe, probe.topic)
  return taken.sort((a, b) => a - b)
}
