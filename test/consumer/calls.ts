// Compiled and run by scripts/packages.mjs against the packed packages, as .mts, as .cts and for a bundler.
// Without top-level await, so that it also compiles to CommonJS.
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { PostgresTransport } from '@server-events/postgres'
import { RedisTransport } from '@server-events/redis'
import { Redis } from 'ioredis'
import { InvalidArgumentError, RemoteError, ServerEvents, TimeoutError } from 'server-events'
import type { Transport } from 'server-events'
import { sealed } from 'server-events/sealed'
import { transportOf } from 'server-events/transport-kit'
import type { Driver } from 'server-events/transport-kit'

interface Jobs {
  report: [url: string, pages: number]
  ping: []
}

async function main(): Promise<void> {
  const hub = new MemoryHub()
  const api = new ServerEvents<Jobs>(new MemoryTransport({ hub }), { listen: ['report'], timeout: 5000 })
  const worker = new ServerEvents<Jobs>(new MemoryTransport({ hub }))
  await api.init()

  const answer = api.on('report', 42)
  await worker.emit('report', '42', '/r/42.pdf', 7)
  const [url, pages] = await answer
  equal(url.toUpperCase(), '/R/42.PDF')
  equal(pages.toFixed(1), '7.0')

  const failure = api.on('report', 43n)
  await worker.fail('report', 43, new RangeError('no such report'))
  const failed = await caught(failure)
  equal(failed instanceof RemoteError && failed.message, 'no such report')

  const late = await caught(api.on('report', 44, 60))
  equal(late instanceof TimeoutError && late.timeout, 60)

  const refused = await caught(worker.emit('report', '', '/', 1))
  equal(refused instanceof InvalidArgumentError, true)

  const untyped = new ServerEvents(new MemoryTransport({ hub }))
  const anything = untyped.on('pi event', 314)
  void untyped.emit('pi event', 314, 'arg1', 1, { type: 'object' })
  equal((await anything).length, 3)

  const secret = new ServerEvents<Jobs>(
    sealed(new MemoryTransport({ hub }), { secrets: ['a secret of sixteen bytes'] }),
  )
  const [asked] = await secret.request('report', (id) => secret.emit('report', id, '/r/45.pdf', 1))
  equal(asked.toUpperCase(), '/R/45.PDF')
  const wanted = secret.wanted('report', 46)
  equal(wanted.now === undefined && !wanted.signal.aborted, true)
  wanted.close()

  await Promise.all([api.close(), worker.close(), untyped.close(), secret.close()])
}

/** Opens nothing: what is asked is that an instance, options and URL of the installed ioredis are taken. */
export function redisSources(): Transport[] {
  return [
    new RedisTransport('redis://localhost:6379'),
    new RedisTransport({ host: 'localhost', port: 6379 }),
    new RedisTransport(new Redis({ lazyConnect: true })),
    new RedisTransport((role) => new Redis({ lazyConnect: true, connectionName: role })),
  ]
}

/** The types of the client of NATS do not compile as strictly as this is checked. */
export function postgresSources(): Transport[] {
  return [
    new PostgresTransport('postgres://app@localhost:5432/app', { table: 'app.outcomes' }),
    new PostgresTransport({ host: 'localhost', ssl: { rejectUnauthorized: true } }),
  ]
}

/** Never called. */
export function wrongCalls(events: ServerEvents<Jobs>): unknown[] {
  return [
    // @ts-expect-error -- no transport
    new ServerEvents<Jobs>(),
    // @ts-expect-error -- not a transport
    new ServerEvents<Jobs>({ host: 'localhost' }),
    // @ts-expect-error -- no such option
    new ServerEvents<Jobs>(new MemoryTransport(), { timeOut: 5 }),
    // @ts-expect-error -- no such name to listen to
    new ServerEvents<Jobs>(new MemoryTransport(), { listen: ['reports'] }),
    // @ts-expect-error -- no such event
    events.on('reports', 1),
    // @ts-expect-error -- an object is no id
    events.on('report', { id: 1 }),
    // @ts-expect-error -- a timeout is a number of milliseconds
    events.on('report', 1, '5s'),
    // @ts-expect-error -- no such option
    events.on('report', 1, { timeOut: 5 }),
    // @ts-expect-error -- an argument is missing
    events.emit('report', 1, '/r/1.pdf'),
    // @ts-expect-error -- the second argument is a number
    events.emit('report', 1, '/r/1.pdf', '7'),
    // @ts-expect-error -- one argument too many
    events.emit('ping', 1, 'pong'),
    // @ts-expect-error -- a transport source is needed
    new RedisTransport(42),
    // @ts-expect-error -- no such option of the client
    new PostgresTransport({ hots: 'localhost' }),
    // @ts-expect-error -- a driver says what one subscription covers
    transportOf({ broker: 'x', place: 'y', dial: () => Promise.reject(new Error('never')) }),
  ]
}

/** Opens nothing. */
export function driven(driver: Driver): Transport {
  return transportOf(driver, { heartbeat: 1_000 })
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

void main()
