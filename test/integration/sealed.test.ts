import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { NatsTransport } from '@server-events/nats'
import { postgresMigration, PostgresTransport } from '@server-events/postgres'
import { RedisTransport } from '@server-events/redis'
import { startNats, startPostgres, startProxy, startRedis } from '@server-events/testing'
import type { FaultProxy, PostgresServer } from '@server-events/testing'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { ServerEvents } from 'server-events'
import type { Transport } from 'server-events'
import { sealed } from 'server-events/sealed'

/** A decorator keeps the contract of what it decorates: the same kit tells. */

const secrets = ['a secret of sixteen bytes or more']
const proxies: FaultProxy[] = []
const stops: (() => Promise<void>)[] = []
let redis: FaultProxy | undefined
let nats: FaultProxy | undefined
let postgres: FaultProxy | undefined
let database: PostgresServer | undefined

beforeAll(async () => {
  const [redisServer, natsServer, postgresServer] = await Promise.all([
    startRedis(),
    startNats({ config: 'max_payload: 8MB' }),
    startPostgres(),
  ])
  stops.push(
    () => redisServer.stop(),
    () => natsServer.stop(),
    () => postgresServer.stop(),
  )
  database = postgresServer
  await withClient((client) => client.query(postgresMigration()))
  const started = await Promise.all([redisServer, natsServer, postgresServer].map((server) => startProxy(server)))
  proxies.push(...started)
  ;[redis, nats, postgres] = started
}, 120_000)

afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()))
  await Promise.all(stops.map((stop) => stop()))
})

async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(database?.url)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

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

describe('over PostgreSQL', () => {
  const connect = (prefix: string): PostgresTransport => {
    const { user = 'nobody', password = '' } = database ?? {}
    const url = `postgres://${user}:${password}@127.0.0.1:${postgres?.port ?? 1}/postgres`
    return new PostgresTransport(url, { prefix, subscribeTimeout: 1_500, connectTimeout: 3_000 })
  }

  transportConformance({ test, timeout: 30_000, createHub: () => hubOf(connect, () => postgres?.cut()) })

  test('a transaction keeps sealed outcomes, and compares them opened', async () => {
    const transport = connect('transaction')
    const keep = { report: { ms: 60_000, once: true } } as const
    const worker = new ServerEvents(sealed(transport, { secrets }), { keep })
    const api = new ServerEvents(sealed(connect('transaction'), { secrets }), { keep })
    worker.onerror(() => undefined)
    try {
      const emitted = (args: string): Promise<string> =>
        withClient((client) => transport.transaction(client, () => worker.emit('report', 1, args))).then(
          () => 'committed',
          (error: unknown) => (error as { code: string }).code,
        )
      const wait = api.on('report', 1)
      expect([await emitted('approved'), await emitted('approved'), await emitted('rejected')]).toEqual([
        'committed',
        'committed',
        'ERR_ALREADY_SETTLED',
      ])
      expect([await wait, await api.peek('report', 1)]).toEqual([['approved'], ['approved']])
      const rows = await withClient((client) =>
        client.query<{ body: Buffer }>('SELECT body FROM server_events_outcomes'),
      )
      expect(rows.rows.map(({ body }) => body.includes('approved'))).not.toContain(true)
    } finally {
      await Promise.all([worker.close(), api.close()])
    }
  })
})
