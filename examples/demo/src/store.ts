import { startRedis } from '@server-events/testing'

/** Where the servers meet. */
export interface Store {
  /** Undefined where no Redis can be had: all then has to run in one process. */
  readonly redisUrl: string | undefined
  /** For people; without credentials. */
  readonly description: string
  stop(): Promise<void>
}

/** REDIS_URL, else a Redis of our own, else none. */
export async function openStore(inMemory: boolean): Promise<Store> {
  if (inMemory) return { ...nothingToStop, redisUrl: undefined, description: 'in memory, one process for all' }
  const given = process.env['REDIS_URL']
  if (given) {
    const { hostname, port } = new URL(given)
    return { ...nothingToStop, redisUrl: given, description: `Redis at ${hostname}:${port || 6379}` }
  }
  try {
    const redis = await startRedis()
    const description = `Redis of its own at ${redis.host}:${redis.port}`
    return { redisUrl: redis.url, description, stop: () => redis.stop() }
  } catch (error) {
    console.warn(`${(error as Error).message}\nThe demo goes on without Redis, in one process.\n`)
    return openStore(true)
  }
}

const nothingToStop = { stop: () => Promise.resolve() }
