import { eventually, startPostgres, startProxy } from '@server-events/testing'
import type { FaultProxy, PostgresServer } from '@server-events/testing'
import { postgresMigration } from '../src'
import { at, closeAll, event, execute, open, rejection, sentinel } from './support'

let postgres: PostgresServer
let proxy: FaultProxy

beforeAll(async () => {
  postgres = await startPostgres({ settings: { max_connections: '20' } })
  await execute(postgres, `${postgresMigration()}; CREATE ROLE nobody NOLOGIN PASSWORD 'nobody-secret'`)
})

beforeEach(async () => {
  proxy = await startProxy(postgres)
})

afterEach(async () => {
  postgres.resume()
  await closeAll()
  await proxy.close()
})

afterAll(() => postgres.stop())

const key = { name: 'report', id: '42' }

test('a server that is killed and started again costs an interruption, and nothing emitted after it or kept before it', async () => {
  const api = open(postgres.url)
  const worker = open(postgres.url)
  await api.transport.subscribe({ name: 'report' })
  await worker.transport.keeper?.publish(key, event('kept'), 60_000)
  await postgres.kill()
  await eventually(() => api.receiver.log.at(-1) === 'outputStore down' && worker.receiver.log.length === 2)
  const emitted = worker.transport.publish(key, event('emitted while down'))
  await postgres.restart()
  await emitted
  await eventually(() => api.receiver.ups('outputStore') === 2)
  await sentinel(worker, api, key)
  expect(await worker.transport.keeper?.recall([key])).toEqual([event('kept')])
  expect(api.receiver.log).toEqual(['outputStore up', 'outputStore down', 'outputStore up'])
  expect(worker.receiver.log).toEqual(['inputStore up', 'inputStore down', 'inputStore up'])
  expect(worker.receiver.errors.map(({ message }) => message)).toContain(
    `no connection to postgres at 127.0.0.1:${postgres.port}: ECONNREFUSED`,
  )
})

test('a server that falls silent once it has greeted costs no socket, which would keep the process alive', async () => {
  proxy.filter = (direction, chunk) => {
    if (direction === 'up' && chunk.includes('pg_is_in_recovery')) proxy.blackhole()
    return chunk
  }
  const worker = open(at(postgres, proxy), { connectTimeout: 300 })
  worker.transport.connect().catch(() => undefined)
  await eventually(() => worker.receiver.errors.length > 0)
  await worker.transport.close()
  await eventually(() => proxy.open === 0)
})

test('who is terminated by an administrator is told so, and comes back', async () => {
  const worker = open(postgres.url)
  await worker.transport.connect()
  await execute(
    postgres,
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'server-events'",
  )
  await eventually(() => worker.receiver.ups('inputStore') === 2)
  expect(worker.receiver.causes[0]).toMatchObject({ code: 'ERR_CONNECTION' })
  expect(worker.receiver.causes[0]?.message).toContain('shut down, or terminated by an administrator, SQLSTATE 57P01')
})

test('a server that has no connection left is tried again, and told', async () => {
  const others = Array.from({ length: 20 }, () => open(postgres.url))
  for (const { transport } of others.slice(0, 19)) transport.connect().catch(() => undefined)
  const late = open(postgres.url)
  const connecting = late.transport.connect()
  const told = (): boolean =>
    [...others, late].some(({ receiver }) =>
      receiver.errors.some(({ message }) => message.includes('too many connections, SQLSTATE 53300')),
    )
  for (const { transport } of others.slice(19)) transport.connect().catch(() => undefined)
  await eventually(told)
  for (const { transport } of others) void transport.close()
  await connecting
})

test('a server of an old version is refused with what to do, whatever it is asked', async () => {
  await execute(
    postgres,
    `CREATE SCHEMA old;
     CREATE FUNCTION old.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT '110022' $$`,
  )
  const config = { connectionString: postgres.url, options: '-c search_path=old,pg_catalog,public' }
  const { transport, receiver } = open(config)
  const error = await rejection(transport.connect())
  expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED' })
  expect(error.message).toBe(
    `postgres at 127.0.0.1:${postgres.port} is version 11, and has to be 12 or later: upgrade it`,
  )
  const keeper = transport.keeper!
  for (const asked of [
    transport.publish(key, event('x')),
    transport.subscribe({ name: 'report' }),
    keeper.publish(key, event('x'), 1_000),
    keeper.publish(key, event('x'), 1_000, () => 'none'),
    keeper.forget(key),
  ])
    expect(await rejection(asked)).toMatchObject({ code: 'ERR_UNSUPPORTED' })
  expect(await keeper.recall([key])).toMatchObject([{ code: 'ERR_UNSUPPORTED' }])
  await expect(open(config, { table: false }).transport.connect()).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
  expect(receiver.log).not.toContain('inputStore down')
})

test('a standby is tried again, and told as what it is', async () => {
  await execute(
    postgres,
    `CREATE SCHEMA standby;
     CREATE FUNCTION standby.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'`,
  )
  const config = { connectionString: postgres.url, options: '-c search_path=standby,pg_catalog,public' }
  const { transport, receiver } = open(config)
  transport.connect().catch(() => undefined)
  await eventually(() => receiver.errors.length >= 2)
  expect(new Set(receiver.errors.map(({ message }) => message))).toEqual(
    new Set([`no connection to postgres at 127.0.0.1:${postgres.port}: it is a standby, and read-only`]),
  )
})

describe('credentials that are refused', () => {
  test.each([
    ['a wrong password', 'owner:hunter-wrong', 'wrong user or password, SQLSTATE 28P01'],
    ['a user that is not there', 'stranger:hunter-wrong', 'wrong user or password, SQLSTATE 28P01'],
    ['a role that may not log in', 'nobody:nobody-secret', 'or the role may not log in, SQLSTATE 28000'],
    ['no password', 'owner', 'asks for a password'],
  ])('%s', async (_, credentials, reason) => {
    const { transport } = open(`postgres://${credentials}@127.0.0.1:${postgres.port}/postgres`)
    const error = await rejection(transport.connect())
    expect(error).toMatchObject({ code: 'ERR_AUTH' })
    expect(error.message).toContain(reason)
    expect(String(error.stack)).not.toContain('hunter-wrong')
  })
})

test('a database that is not there is no matter of credentials: it is tried again', async () => {
  const { transport, receiver } = open(postgres.url.replace(/postgres$/, 'elsewhere'))
  transport.connect().catch(() => undefined)
  await eventually(() => receiver.errors.length >= 2)
  expect(receiver.errors[0]?.message).toContain('no such database, SQLSTATE 3D000')
})

test('a server that turns read-only is left for the next connection, on which what was kept is kept', async () => {
  const worker = open(postgres.url)
  await worker.transport.connect()
  await execute(postgres, 'ALTER SYSTEM SET default_transaction_read_only = on')
  await execute(postgres, 'SELECT pg_reload_conf()')
  const kept = worker.transport.keeper!.publish(key, event('at the primary'), 60_000)
  await eventually(() => worker.receiver.causes.length > 0 || worker.receiver.errors.length > 0)
  await execute(postgres, 'ALTER SYSTEM RESET default_transaction_read_only')
  await execute(postgres, 'SELECT pg_reload_conf()')
  await kept
  expect(await worker.transport.keeper?.recall([key])).toEqual([event('at the primary')])
})

describe('a connection on which nothing is answered', () => {
  test('is found by the heartbeat of either side, and replaced', async () => {
    const api = open(at(postgres, proxy), { heartbeat: 150 })
    await api.transport.connect()
    await api.transport.subscribe({ name: 'report' })
    proxy.blackhole()
    await eventually(() => ['inputStore down', 'outputStore down'].every((line) => api.receiver.log.includes(line)))
    for (const cause of api.receiver.causes) expect(cause?.message).toContain('did not answer PING within 150 ms')
    proxy.heal()
    proxy.cut()
    await eventually(() => api.receiver.ups('outputStore') >= 2)
    await sentinel(api, api, key)
  })

  test('and close does not wait for it', async () => {
    const { transport } = open(at(postgres, proxy))
    await transport.connect()
    await transport.subscribe({ name: 'report' })
    proxy.blackhole()
    await transport.close()
    await eventually(() => proxy.open === 0)
  })
})

test('a listener whose LISTEN was lost in silence is found by its heartbeat', async () => {
  const api = open(postgres.url, { heartbeat: 100 })
  await api.transport.subscribe({ name: 'report' })
  // What a pooler does that gives the connection of the server to somebody else: it still answers everything.
  proxy.filter = undefined
  await execute(postgres, 'SELECT 1')
  const lost = open(at(postgres, proxy), { heartbeat: 100 })
  await lost.transport.subscribe({ name: 'report' })
  proxy.filter = (direction, chunk) => (direction === 'down' ? withoutNotifications(chunk) : chunk)
  await eventually(() => lost.receiver.log.includes('outputStore down'))
  expect(api.receiver.log).toEqual(['outputStore up'])
})

/** What the server says, without its NotificationResponses. */
function withoutNotifications(chunk: Buffer): Buffer {
  const kept: Buffer[] = []
  for (let i = 0; i + 5 <= chunk.length;) {
    const end = i + 1 + chunk.readInt32BE(i + 1)
    if (String.fromCharCode(chunk[i]!) !== 'A') kept.push(chunk.subarray(i, end))
    i = end
  }
  return Buffer.concat(kept)
}

test('a queue of notifications that fills up is told, once', async () => {
  await execute(
    postgres,
    `CREATE SCHEMA IF NOT EXISTS fake;
     CREATE OR REPLACE FUNCTION fake.pg_notification_queue_usage() RETURNS float8 LANGUAGE sql AS 'SELECT 0.31::float8'`,
  )
  const api = open(
    { connectionString: postgres.url, options: '-c search_path=fake,pg_catalog,public' },
    { heartbeat: 60 },
  )
  await api.transport.subscribe({ name: 'report' })
  await eventually(() => api.receiver.errors.length > 0)
  expect(api.receiver.errors[0]).toMatchObject({ code: 'ERR_CONNECTION' })
  expect(api.receiver.errors[0]?.message).toContain('is full to 31 %')
})
