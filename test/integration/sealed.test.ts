import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { NatsTransport } from '@server-events/nats'
import { RedisTransport } from '@server-events/redis'
import { startNats, startProxy, startRedis } from '@server-events/testing'
import type { FaultProxy } from '@server-events/testing'
import { Redis } from 'ioredis'
import type { Transport } from 'server-events'
import { sealed } from 'server-events/sealed'

/** A decorator keeps the contract of what it decorates: the same kit tells. */

const secrets = ['a secret of sixteen bytes or more']
const proxies: FaultProxy[] = []
const stops: (() => Promise<void>)[] = []
let redis: FaultProxy | undefined
let nats: FaultProxy | undefined

beforeAll(async () => {
  const [redisServer, natsServer] = await Promise.all([startRedis(), startNats({ config: 'max_payload: 8MB' })])
  stops.push(
    () => redisServer.stop(),
    () => natsServer.stop(),
  )
  const started = await Promise.all([startProxy(redisServer), startProxy(natsServer)])
  proxies.push(...started)
  ;[redis, nats] = started
}, 120_000)

afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()))
  await Promise.all(stops.map((stop) => stop()))
})

let hubs = 0

/** The servers run only when the cases do; the kit asks before what a hub can do. */
function hubOf(connect: (prefix: string) => Transport, interrupt: () => void): ConformanceHub {
  const prefix = `sealed${++hubs}`
  return { connect: () => sealed(connect(prefix), { secrets }), interrupt, close: () => {} }
}

describe('over memory', () => {
  transportConformance({
    test,
    timeout: 30_000,
    createHub: () => {
      const hub = new MemoryHub()
      return hubOf(
        () => new MemoryTransport({ hub }),
        () => {
          hub.disconnect()
          setTimeout(() => {
            hub.reconnect()
          }, 5)
        },
      )
    },
  })
})

describe('over Redis', () => {
  transportConformance({
    test,
    timeout: 30_000,
    createHub: () =>
      hubOf(
        (prefix) => new RedisTransport(() => new Redis(redis?.port ?? 0), { prefix: `${prefix}:` }),
        () => redis?.cut(),
      ),
  })
})

describe('over NATS', () => {
  transportConformance({
    test,
    timeout: 30_000,
    createHub: () =>
      hubOf(
        (prefix) => new NatsTransport(`127.0.0.1:${nats?.port ?? 0}`, { prefix }),
        () => nats?.cut(),
      ),
  })
})
