import { Redis } from 'ioredis'
import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
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
function createHub(options: RedisTransportOptions): ConformanceHub {
  const prefix = `hub${++hubs}:`
  const connect = (password: string): RedisTransport =>
    new RedisTransport(() => new Redis(redis.url, { password }), { ...options, prefix })
  const kill = async (): Promise<void> => {
    await admin.client('KILL', 'SKIPME', 'yes')
  }
  return {
    connect: () => connect('right'),
    unauthorized: () => connect('wrong'),
    interrupt: kill,
    // A pattern has to be in the ACL as it is written, those of both wires; as globs they allow channels as well.
    forbid: async (_topic, allowed) => {
      const channels = allowed.flatMap(({ name }) => [`&${prefix}${name}:*`, `&${name}:*`])
      await admin.acl('SETUSER', 'default', 'resetchannels', ...channels)
    },
    close: async () => {
      await admin.acl('SETUSER', 'default', 'allchannels')
    },
  }
}

// Wire 1.x is not among them: by its nature it carries JSON only, and no headers.
describe.each<RedisTransportOptions>([
  {},
  { batch: false },
  { wire: 'both' },
  { channels: 'name' },
  { channels: 'name', batch: false },
  { channels: 'id' },
  { channels: 'id', batch: false },
])('%j', (options) => {
  transportConformance({ test, createHub: () => createHub(options) })
})
