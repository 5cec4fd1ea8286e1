import { Redis } from 'ioredis'
import { startNats, startRedis } from '@server-events/testing'
import type { PeerSpec } from '../peers/spec'
import type { Round } from '../roles/waiter'
import { startDurable } from './durable'
import { Pair, type Measured } from './pair'

/** What is measured, before it has a server. */
export type Spec = Omit<PeerSpec, 'url'>

/** What one round took, the server's share included. */
export interface Figures extends Measured {
  /** User and system time of Redis, in ms; NaN where there is none. */
  readonly redisCpu: number
  /** How many events a PUBLISH carried; NaN where there is none. */
  readonly perPublish: number
}

/** One side of a comparison, with a server of its own: what the other one subscribes costs it nothing. */
export interface Contender {
  round(round: Round): Promise<Figures>
  stop(): Promise<void>
}

/** What cannot be measured here, and why. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
}

export async function start(spec: Spec): Promise<Contender> {
  if (spec.kind === 'floor') return withoutRedis(await Pair.start({ ...spec, url: '' }), () => Promise.resolve())
  if (spec.kind === 'nats') {
    const nats = await startNats().catch((error: unknown) => {
      throw new Unavailable((error as Error).message)
    })
    return withoutRedis(await Pair.start({ ...spec, url: nats.url }), () => nats.stop())
  }
  if (spec.postgres === true) {
    const postgres = await startDurable()
    return withoutRedis(await Pair.start({ ...spec, url: postgres.url }), () => postgres.stop())
  }
  const redis = await startRedis()
  const monitor = new Redis(redis.url)
  const pair = await Pair.start({ ...spec, url: redis.url })
  return {
    async round(round) {
      const before = await usageOf(monitor)
      const measured = await pair.round(round)
      const after = await usageOf(monitor)
      return {
        ...measured,
        redisCpu: (after.cpu - before.cpu) / measured.waits,
        perPublish: (measured.waits * (1 + (spec.unasked ?? 0))) / (after.publishes - before.publishes),
      }
    },
    async stop() {
      await pair.stop()
      monitor.disconnect()
      await redis.stop()
    },
  }
}

function withoutRedis(pair: Pair, stopServer: () => Promise<void>): Contender {
  return {
    round: async (round) => ({ ...(await pair.round(round)), redisCpu: NaN, perPublish: NaN }),
    async stop() {
      await pair.stop()
      await stopServer()
    },
  }
}

/** What a Redis has done since it started; its CPU time is in ms. */
async function usageOf(redis: Redis): Promise<{ cpu: number; publishes: number }> {
  const [cpu, commands] = await Promise.all([redis.info('cpu'), redis.info('commandstats')])
  const seconds = (which: string): number => Number(new RegExp(`^used_cpu_${which}:([\\d.]+)`, 'm').exec(cpu)?.[1])
  return {
    cpu: (seconds('user') + seconds('sys')) * 1000,
    publishes: Number(/^cmdstat_publish:calls=(\d+)/m.exec(commands)?.[1] ?? 0),
  }
}
