// The program that scripts/lib/check-build-tools.mjs bundles, compiles or runs as it is, with each tool: the main job on memory,
// on Redis, on NATS and on PostgreSQL, and whether there is one copy of our classes. Only types that can be stripped.
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { NatsTransport } from '@server-events/nats'
import { PostgresTransport } from '@server-events/postgres'
import { RedisTransport } from '@server-events/redis'
import { ConnectionError, ServerEvents, TimeoutError } from 'server-events'
import type { Transport } from 'server-events'

interface Jobs {
  report: [url: string, pages: number]
}

async function roundTrip(makeTransport: () => Transport): Promise<void> {
  const api = new ServerEvents<Jobs>(makeTransport(), { listen: ['report'] })
  const worker = new ServerEvents<Jobs>(makeTransport())
  await api.init()
  const id = api.createId()
  const answer = api.on('report', id, 20_000)
  await worker.emit('report', id, '/reports/42.pdf', 7)
  const [url, pages] = await answer
  equal(`${url} ${pages}`, '/reports/42.pdf 7')
  equal((await caught(api.on('report', 43, 5))) instanceof TimeoutError, true)
  await Promise.all([api.close(), worker.close()])
}

/** What a transport throws is of the class that core exports: both are bundled once. */
async function oneClass(transport: Transport): Promise<void> {
  const events = new ServerEvents<Jobs>(transport, { initTimeout: 500 })
  events.onerror(() => {})
  equal((await caught(events.init())) instanceof ConnectionError, true)
  await events.close()
}

async function caught(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (error) {
    return error
  }
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`expected ${String(expected)}, got ${String(actual)}`)
}

async function main(): Promise<void> {
  const { REDIS_URL = '', NATS_URL = '', POSTGRES_URL = '' } = process.env
  const hub = new MemoryHub()
  await roundTrip(() => new MemoryTransport({ hub }))
  await roundTrip(() => new RedisTransport(REDIS_URL))
  await roundTrip(() => new NatsTransport(NATS_URL))
  await roundTrip(() => new PostgresTransport(POSTGRES_URL, { table: false }))
  await oneClass(new RedisTransport({ host: '127.0.0.1', port: 1 }))
  await oneClass(new PostgresTransport({ host: '127.0.0.1', port: 1 }))
  console.log('works')
}

void main()
