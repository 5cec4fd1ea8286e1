import { eventually } from '../eventually'
import { command } from './command'
import { startRedis } from './server'
import type { RedisServer } from './server'

export interface RedisSentinelsOptions {
  /** More arguments for the two servers that keep data. */
  readonly args?: readonly string[]
  /** The password of these servers; none by default. */
  readonly password?: string
  /** After how many ms without an answer the master counts as down; 1,000 by default. */
  readonly downAfter?: number
}

/** A master, its replica and three Sentinels that watch them, on 127.0.0.1. */
export interface RedisSentinels {
  /** What Sentinels call it. */
  readonly name: string
  /** The first one is the master at first. */
  readonly servers: readonly [RedisServer, RedisServer]
  readonly sentinels: readonly RedisServer[]
  /** Ends all of it. Idempotent. */
  stop(): Promise<void>
}

const NAME = 'themaster'
const PATIENCE = { timeout: 30_000, interval: 50 }

/** Resolves when the replica is in step and the Sentinels know of it and of each other: a failover can begin. */
export async function startSentinels(options: RedisSentinelsOptions = {}): Promise<RedisSentinels> {
  const { args = [], password, downAfter = 1_000 } = options
  const running: RedisServer[] = []
  const start = async (...given: Parameters<typeof startRedis>): Promise<RedisServer> => {
    const server = await startRedis(...given)
    running.push(server)
    return server
  }
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((server) => server.stop()))
  }
  const secret = password === undefined ? [] : ['--requirepass', password, '--masterauth', password]
  const all = ['--repl-diskless-sync-delay', '0', ...secret, ...args]
  try {
    const master = await start({ args: all })
    const replica = await start({ args: ['--replicaof', master.host, String(master.port), ...all] })
    const config = [
      `sentinel monitor ${NAME} ${master.host} ${master.port} 2`,
      `sentinel down-after-milliseconds ${NAME} ${downAfter}`,
      // Also for how long no second failover is tried.
      `sentinel failover-timeout ${NAME} ${3 * downAfter}`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${NAME} ${password}`]),
    ]
    const sentinels = await Promise.all([1, 2, 3].map(() => start({ config, args: ['--sentinel'] })))
    await eventually(async () => {
      const infos = await Promise.all(sentinels.map((sentinel) => command(sentinel, 'INFO', 'sentinel')))
      return infos.every((info) => /status=ok,.*slaves=1,sentinels=3/.test(info))
    }, PATIENCE)
    return { name: NAME, servers: [master, replica], sentinels, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
