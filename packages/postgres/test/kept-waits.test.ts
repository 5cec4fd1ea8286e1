import { setTimeout as delay } from 'node:timers/promises'
import { eventually, startPostgres, startProxy } from '@server-events/testing'
import type { FaultProxy, PostgresServer } from '@server-events/testing'
import { ServerEvents, ServerEventsError } from 'server-events'
import { postgresMigration, PostgresTransport } from '../src'
import { at, execute } from './support'

const PENDING = 1_000

let postgres: PostgresServer
let proxy: FaultProxy
let api: ServerEvents
let worker: ServerEvents
let round = 0

beforeAll(async () => {
  postgres = await startPostgres()
  await execute(postgres, postgresMigration())
})

beforeEach(async () => {
  proxy = await startProxy(postgres)
  const connect = (): ServerEvents => {
    // Long enough for a busy machine: else it would replace healthy connections, and emit what is on its way again.
    const impatient = { heartbeat: 1_000, publishTimeout: 5_000, subscribeTimeout: 1_000, connectTimeout: 5_000 }
    const transport = new PostgresTransport(at(postgres, proxy), impatient)
    const events = new ServerEvents(transport, { keep: { report: 600_000 }, timeout: 120_000 })
    events.onerror(() => undefined)
    return events
  }
  api = connect()
  worker = connect()
  await Promise.all([api.init(), worker.init()])
})

afterEach(async () => {
  postgres.resume()
  await Promise.all([api.close(), worker.close()])
  await proxy.close()
})

afterAll(() => postgres.stop())

/** As every worker does that must not lose its result. */
async function emitUntilAccepted(id: string): Promise<void> {
  for (;;)
    try {
      await worker.emit('report', id, `result of ${id}`)
      return
    } catch (error) {
      if (!(error instanceof ServerEventsError)) throw error
      await delay(20)
    }
}

const faults: readonly (readonly [string, () => Promise<void>])[] = [
  [
    'every connection is terminated by an administrator, three times',
    async () => {
      for (let i = 0; i < 3; i++) {
        await execute(
          postgres,
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'server-events'",
        )
        await delay(200)
      }
    },
  ],
  [
    'the server is killed and started again',
    async () => {
      await postgres.kill()
      await delay(500)
      await postgres.restart()
    },
  ],
  [
    'the server is frozen for longer than heartbeat and publishTimeout, and thawed',
    async () => {
      postgres.pause()
      await delay(5_500)
      postgres.resume()
    },
  ],
  [
    'the network swallows everything for a while, and then cuts',
    async () => {
      proxy.blackhole()
      await delay(2_500)
      proxy.heal()
      proxy.cut()
    },
  ],
  [
    'what the server says is lost, and what it hears is not',
    async () => {
      proxy.blackhole('down')
      await delay(2_500)
      proxy.heal()
      proxy.cut()
    },
  ],
]

test.each(faults)('%s: of 1,000 kept waits none is lost, and none is told twice', async (_, strike) => {
  const ids = Array.from({ length: PENDING }, (_unused, i) => `${round}-${i}`)
  round++
  const told = new Map<string, number>()
  const waits = ids.map(async (id) => {
    const result = await api.on('report', id)
    told.set(id, (told.get(id) ?? 0) + 1)
    return result
  })
  // Before, during and after it: those in the midst of it are on their way when it strikes.
  let next = 0
  const some = (count: number): Promise<void>[] => ids.slice(next, (next += count)).map(emitUntilAccepted)
  const emits = some(200)
  const struck = strike()
  for (let i = 0; i < 20; i++) {
    emits.push(...some(30))
    await delay(50)
  }
  await struck
  emits.push(...some(PENDING))
  await Promise.all(emits)
  expect(await Promise.all(waits)).toEqual(ids.map((id) => [`result of ${id}`]))
  await eventually(() => [api, worker].every((events) => events.stats().pending === 0))
  expect([...told.values()].filter((times) => times !== 1)).toEqual([])
  expect(told.size).toBe(PENDING)
})
