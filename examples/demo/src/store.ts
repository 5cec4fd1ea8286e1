import { setTimeout as delay } from 'node:timers/promises'
import { missingRedis, startProxy, startRedis } from '@server-events/testing'
import { ask } from './ask'
import { hub } from './events'

/** Where the servers meet. */
export interface Store {
  /** Undefined where no Redis can be had: all then has to run in one process. */
  readonly redisUrl: string | undefined
  /** For people; without credentials. */
  readonly description: string
  /** Breaks every connection to it, and lets them come back a second later. Undefined where they cannot be cut. */
  readonly cut?: () => void
  stop(): Promise<void>
}

/** How long a cut lasts, in ms. */
const outage = 1_000

/**
 * REDIS_URL, else a Redis of our own, else none. Where one would have to be installed, a person at a terminal is asked;
 * scripts and CI get it without.
 */
export async function openStore(inMemory: boolean): Promise<Store> {
  if (inMemory) return inMemoryStore
  const given = process.env['REDIS_URL']
  if (given) {
    const { hostname, port } = new URL(given)
    const description = `Redis at ${hostname}:${port || 6379}`
    return throughProxy(given, description, () => Promise.resolve())
  }
  try {
    const missing = await missingRedis()
    if (missing !== undefined && process.stdin.isTTY && process.stdout.isTTY) {
      const allowed = await ask(`There is no Redis on this machine. Get one (${missing})? [y/N] `)
      if (!allowed) throw new Error('No Redis is installed.')
    }
    const redis = await startRedis()
    const description = `Redis of its own at ${redis.host}:${redis.port}`
    return await throughProxy(redis.url, description, () => redis.stop())
  } catch (error) {
    console.warn(`${(error as Error).message}\nThe demo goes on without Redis, in one process.\n`)
    return openStore(true)
  }
}

/** With a proxy of ours before it, which can be cut; not where TLS would notice. */
async function throughProxy(redisUrl: string, description: string, stop: () => Promise<void>): Promise<Store> {
  const url = new URL(redisUrl)
  if (url.protocol !== 'redis:') return { redisUrl, description, stop }
  const proxy = await startProxy({ host: url.hostname, port: Number(url.port || 6379) })
  url.host = `${proxy.host}:${proxy.port}`
  return {
    ...{ redisUrl: url.href, description },
    cut() {
      proxy.refuse()
      proxy.cut()
      void delay(outage, undefined, { ref: false }).then(() => proxy.accept())
    },
    async stop() {
      await proxy.close()
      await stop()
    },
  }
}

const inMemoryStore: Store = {
  redisUrl: undefined,
  description: 'in memory, one process for all',
  cut() {
    hub.disconnect()
    void delay(outage, undefined, { ref: false }).then(() => hub.reconnect())
  },
  stop: () => Promise.resolve(),
}
