import { Redis } from 'ioredis'
import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'
import { RedisTransport } from '@server-events/redis'
import { startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'

let redis: RedisServer
let admin: Redis

beforeAll(async () => {
  // Without one, a server accepts whatever password it is given.
  redis = await startRedis({ args: ['--requirepass', 'right'] })
  admin = new Redis(redis.url, { password: 'right' })
})

afterAll(async () => {
  admin.disconnect()
  await redis.stop()
})

let hubs = 0

/** A prefix of its own on one server. A function as the source, because the kit looks at a hub before the server runs. */
function createHub(): ConformanceHub {
  const prefix = `hub${++hubs}:`
  const connect = (password: string): RedisTransport =>
    new RedisTransport(() => new Redis(redis.url, { password }), { prefix })
  const kill = async (): Promise<void> => {
    await admin.client('KILL', 'SKIPME', 'yes')
  }
  return {
    connect: () => connect('right'),
    unauthorized: () => connect('wrong'),
    interrupt: kill,
    // A pattern has to be in the ACL as it is written. Who may publish at all is known by the channel.
    forbid: async (_topic, allowed) => {
      const channels = allowed.map(({ name }) => `&${prefix}${name}:*`)
      await admin.acl('SETUSER', 'default', 'resetchannels', ...channels)
    },
    close: async () => {
      await admin.acl('SETUSER', 'default', 'allchannels')
    },
  }
}

transportConformance({ test, createHub })
