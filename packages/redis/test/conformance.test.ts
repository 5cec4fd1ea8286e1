import { Redis } from 'ioredis'
import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'

const [right, wrong] = ['hunter-right', 'hunter-wrong']

let redis: RedisServer
let admin: Redis

beforeAll(async () => {
  // Without one, a server accepts whatever password it is given.
  redis = await startRedis({ args: ['--requirepass', right] })
  admin = new Redis(redis.url, { password: right })
})

afterAll(async () => {
  admin.disconnect()
  await redis.stop()
})

let hubs = 0

/** In ms; well below what the kit waits for, and above what a busy machine may take. */
const impatient = { publishTimeout: 1_000, heartbeat: 700, subscribeTimeout: 1_500, connectTimeout: 1_500 }

/** A prefix of its own on one server. A function as the source, because the kit looks at a hub before the server runs. */
function createHub(options: RedisTransportOptions, outages: boolean): ConformanceHub {
  const prefix = `hub${++hubs}:`
  const connect = (password: string): RedisTransport =>
    new RedisTransport(() => new Redis(redis.url, { password }), { ...impatient, ...options, prefix })
  const kill = async (): Promise<void> => {
    await admin.client('KILL', 'SKIPME', 'yes')
  }
  return {
    connect: () => connect(right),
    ...(outages && {
      freeze: () => redis.pause(),
      thaw: () => redis.resume(),
      stop: () => redis.kill(),
      start: () => redis.restart(),
    }),
    unauthorized: () => connect(wrong),
    interrupt: kill,
    // A pattern has to be in the ACL as it is written, those of both wires; as globs they allow channels as well.
    forbid: async (_topic, allowed) => {
      const channels = allowed.flatMap(({ name }) => [`&${prefix}${name}:*`, `&${name}:*`])
      const keys = allowed.map(({ name }) => `~${prefix}kept:${name}:*`)
      await admin.acl('SETUSER', 'default', 'resetchannels', ...channels, 'resetkeys', ...keys)
    },
    forbids: ['subscribe', 'publish', 'store'],
    secrets: [right, wrong],
    close: async () => {
      await admin.acl('SETUSER', 'default', 'allchannels', 'allkeys')
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
  // They take seconds; what goes through them differs by the routing, not by the channels' names.
  const outages = options.batch === undefined && options.wire === undefined && options.channels !== 'name'
  transportConformance({ test, createHub: () => createHub(options, outages), timeout: 30_000 })
})
