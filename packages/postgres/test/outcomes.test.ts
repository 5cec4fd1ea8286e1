import { eventually, startPostgres } from '@server-events/testing'
import type { PostgresServer } from '@server-events/testing'
import { Client } from 'pg'
import { postgresMigration } from '../src'
import { keyOf } from '../src/wire/names'
import { closeAll, event, execute, open, rejection, sentinel } from './support'

let postgres: PostgresServer

beforeAll(async () => {
  postgres = await startPostgres()
  await execute(postgres, postgresMigration())
})

afterEach(closeAll)

afterAll(() => postgres.stop())

const key = (id: string | number): { name: string; id: string } => ({ name: 'report', id: String(id) })
const count = async (): Promise<number> =>
  Number((await execute(postgres, 'SELECT count(*) FROM server_events_outcomes'))[0]?.['count'])

describe('the table', () => {
  test('that is not there: connect and whatever needs it reject with what to do, and plain events go', async () => {
    const { transport } = open(postgres.url, { table: 'missing' })
    const error = await rejection(transport.connect())
    expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED' })
    expect(error.message).toBe(
      `postgres at 127.0.0.1:${postgres.port} has no table missing for outcomes as it has to be (it is not there): ` +
        'run the SQL that postgresMigration() gives, or set option table to false and do without keep',
    )
    const keeper = transport.keeper!
    expect(await rejection(keeper.publish(key(1), event('1'), 1_000))).toMatchObject({ code: 'ERR_UNSUPPORTED' })
    expect(await keeper.recall([key(1)])).toMatchObject([{ code: 'ERR_UNSUPPORTED' }])
    expect(await rejection(keeper.forget(key(1)))).toMatchObject({ code: 'ERR_UNSUPPORTED' })
    await transport.publish(key(1), event('plain'))
  })

  test.each([
    ['key text PRIMARY KEY, body bytea, expires_at timestamptz', 'column key has to be bytea'],
    ['key bytea PRIMARY KEY, body bytea', 'column expires_at has to be timestamp with time zone'],
    ['key bytea, body bytea, expires_at timestamptz', 'column key has to be the primary key'],
  ])('that is another one (%s)', async (columns, reason) => {
    await execute(postgres, `DROP TABLE IF EXISTS other; CREATE TABLE other (${columns})`)
    const { transport } = open(postgres.url, { table: 'other' })
    expect((await rejection(transport.connect())).message).toContain(reason)
  })

  test('may be made while the process runs, in a schema, and its migration can be run again', async () => {
    const { transport } = open(postgres.url, { table: 'app.outcomes' })
    await rejection(transport.connect())
    const sql = postgresMigration({ table: 'app.outcomes' })
    await execute(postgres, `CREATE SCHEMA app; ${sql}; ${sql}`)
    await transport.keeper?.publish(key(1), event('kept'), 60_000)
    expect(await transport.keeper?.recall([key(1)])).toEqual([event('kept')])
    expect(await execute(postgres, 'SELECT key FROM app.outcomes')).toEqual([
      { key: Buffer.from(keyOf('se', key(1)), 'hex') },
    ])
  })

  test('has an index of its own, whatever its name', async () => {
    const long = 'x'.repeat(62)
    // An index of one table must not have the name of another one: it would not be made, and nobody would be told.
    const names = [
      `${long}a`,
      `${long}b`,
      'jobs_expires_at',
      'jobs',
      'JOBS',
      'select',
      'odd.Jobs',
      'odd.jobs',
      'gone',
      'free',
      'kept',
    ]
    await execute(postgres, 'CREATE SCHEMA odd')
    for (const table of names) {
      const sql = postgresMigration({ table })
      await execute(postgres, sql + sql)
      const indexes = await execute(
        postgres,
        `SELECT count(*)::int FROM pg_indexes WHERE indexdef LIKE '%(expires_at)' AND
        (tablename = '${table}' OR schemaname || '.' || tablename = '${table}')`,
      )
      expect([table, indexes]).toEqual([table, [{ count: 1 }]])
      const { transport } = open(postgres.url, { table })
      await transport.keeper?.publish(key(1), event(table), 60_000)
      expect(await transport.keeper?.recall([key(1)])).toEqual([event(table)])
      await transport.keeper?.forget(key(1))
      expect(await transport.keeper?.recall([key(1)])).toEqual([undefined])
    }
  })

  test('is not needed by who has no use for it', async () => {
    const { transport } = open(postgres.url, { table: false })
    expect(transport.keeper).toBeUndefined()
    await transport.connect()
  })

  test('that must not be used: ForbiddenError, and the events of others go on', async () => {
    await execute(
      postgres,
      "CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT SELECT ON server_events_outcomes TO reader",
    )
    const { transport } = open(postgres.url.replace('owner:owner-secret', 'reader:reader'))
    const error = await rejection(transport.keeper!.publish(key(1), event('1'), 1_000))
    expect(error).toMatchObject({ code: 'ERR_NOT_KEPT', cause: { code: 'ERR_FORBIDDEN' } })
    expect(await rejection(transport.keeper!.forget(key(1)))).toMatchObject({ code: 'ERR_FORBIDDEN' })
    expect(await transport.keeper!.recall([key('nothing')])).toEqual([undefined])
  })
})

test('a row that the table does not take: published and not kept, or with once neither, and it says why', async () => {
  await execute(
    postgres,
    `${postgresMigration({ table: 'strict' })}; ALTER TABLE strict ADD CHECK (octet_length(body) < 1000)`,
  )
  const { transport, receiver } = open(postgres.url, { table: 'strict' })
  await transport.subscribe({ name: key(1).name })
  const why = /postgres at .* refused a statement on table strict \(SQLSTATE 23514\)$/
  const large = event('x'.repeat(2_000))
  expect(await rejection(transport.keeper!.publish(key(1), large, 60_000, () => 'other'))).toMatchObject({
    code: 'ERR_CONNECTION',
    sent: false,
    message: expect.stringMatching(why),
  })
  expect(await rejection(transport.keeper!.publish(key(1), large, 60_000))).toMatchObject({
    code: 'ERR_NOT_KEPT',
    message: expect.stringMatching(why),
  })
  await transport.publish(key(1), event('end'))
  await eventually(() => receiver.bodies.includes('end'))
  expect(receiver.bodies).toEqual([large.body, 'end'])
})

test('a row that somebody holds in an open transaction holds up nobody else, and is kept in the end', async () => {
  const worker = open(postgres.url)
  const { keeper } = worker.transport
  await keeper?.publish(key('held'), event('before'), 60_000)
  const client = new Client(postgres.url)
  await client.connect()
  await client.query('BEGIN')
  await client.query('SELECT FROM server_events_outcomes WHERE key = $1 FOR UPDATE', [
    Buffer.from(keyOf('se', key('held')), 'hex'),
  ])
  const ends: string[] = []
  const held = keeper!.publish(key('held'), event('after'), 60_000).then(() => ends.push('held'))
  const others = Array.from({ length: 50 }, (_, i) =>
    keeper!.publish({ name: 'other', id: String(i) }, event(`${i}`), 60_000),
  )
  await Promise.all(others).then(() => ends.push('others'))
  await client.query('ROLLBACK')
  await client.end()
  await held
  expect(ends).toEqual(['others', 'held'])
  expect(await keeper?.recall([key('held')])).toEqual([event('after')])
  expect(worker.receiver.log).toEqual(['inputStore up'])
})

describe('rows that open transactions of others hold', () => {
  const held = Array.from({ length: 40 }, (_, i) => key(`held ${i}`))
  const inserting = [key('inserting 1'), key('inserting 2')]
  const free = Array.from({ length: 200 }, (_, i) => key(`free ${i}`))
  let client: Client

  beforeEach(async () => {
    await execute(postgres, 'TRUNCATE server_events_outcomes')
    const keeper = open(postgres.url).transport.keeper!
    await Promise.all(held.map((one) => keeper.publish(one, event('before'), 60_000)))
    client = new Client(postgres.url)
    await client.connect()
    await client.query('BEGIN')
    const keys = held.map((one) => Buffer.from(keyOf('se', one), 'hex'))
    await client.query('SELECT FROM server_events_outcomes WHERE key = ANY($1) FOR UPDATE', [keys])
    for (const one of inserting)
      await client.query("INSERT INTO server_events_outcomes VALUES ($1, '', now())", [
        Buffer.from(keyOf('se', one), 'hex'),
      ])
  })

  afterEach(() => client.end())

  const mixed = [...held, ...inserting, ...free].sort(() => Math.random() - 0.5)

  test('hold up none of other keys: those are kept meanwhile, and told once the held ones are given up', async () => {
    const { transport } = open(postgres.url, { publishTimeout: 60_000 })
    const ends = await Promise.allSettled(mixed.map((one) => transport.keeper!.publish(one, event('after'), 60_000)))
    const refused = mixed.filter((_, i) => ends[i]?.status === 'rejected')
    expect(new Set(refused)).toEqual(new Set([...held, ...inserting]))
    const [first] = ends.filter((end) => end.status === 'rejected')
    expect(first?.reason).toMatchObject({
      code: 'ERR_NOT_KEPT',
      cause: {
        message:
          'its row in table server_events_outcomes was locked by another transaction for 2000 ms (SQLSTATE 55P03)',
      },
    })
    const found = await transport.keeper?.recall(free)
    expect(found).toEqual(free.map(() => event('after')))
  })

  test('are kept when those end, the last of each key last', async () => {
    const { keeper } = open(postgres.url, { publishTimeout: 60_000 }).transport
    const first = mixed.map((one) => keeper!.publish(one, event('first'), 60_000))
    const found = async (): Promise<unknown> => keeper?.recall(free)
    await eventually(async () => JSON.stringify(await found()) === JSON.stringify(free.map(() => event('first'))))
    const second = mixed.map((one) => keeper!.publish(one, event('second'), 60_000))
    await client.query('ROLLBACK')
    await Promise.all([...first, ...second])
    expect(await keeper?.recall(mixed)).toEqual(mixed.map(() => event('second')))
  })

  test('so with first outcomes', async () => {
    const { keeper } = open(postgres.url, { publishTimeout: 60_000 }).transport
    const once = ({ body }: { readonly body: unknown }): 'same' | 'other' => (body === 'first' ? 'same' : 'other')
    const first = mixed.map((one) => keeper!.publish(one, event('first'), 60_000, once))
    const found = async (): Promise<unknown> => keeper?.recall(free)
    await eventually(async () => JSON.stringify(await found()) === JSON.stringify(free.map(() => event('first'))))
    await client.query('ROLLBACK')
    const ends = await Promise.allSettled(first)
    const settled = mixed.filter((_, i) => ends[i]?.status === 'rejected')
    expect(new Set(settled)).toEqual(new Set(held))
  })

  test('and forgetting one', async () => {
    const { keeper } = open(postgres.url, { publishTimeout: 60_000 }).transport
    const forgotten = mixed.map((one) => keeper!.forget(one))
    const other = keeper!.publish(key('other'), event('other'), 60_000)
    await eventually(async () => (await keeper?.recall([key('other')]))?.[0] !== undefined)
    await client.query('ROLLBACK')
    await Promise.all([...forgotten, other])
    expect(await keeper?.recall(mixed)).toEqual(mixed.map(() => undefined))
  })
})

test('a table that somebody holds as a whole, as a migration does, holds up no plain event, and no connection is given up', async () => {
  const both = open(postgres.url, { publishTimeout: 60_000, sweep: 20 })
  const { keeper } = both.transport
  await both.transport.subscribe({ name: 'report' })
  const client = new Client(postgres.url)
  await client.connect()
  try {
    await sentinel(both, both, key('before'))
    await keeper?.publish({ name: 'found', id: '1' }, event('found'), 60_000)
    await client.query('BEGIN; LOCK TABLE server_events_outcomes IN ACCESS EXCLUSIVE MODE')
    const kept = rejection(keeper!.publish({ name: 'kept', id: '1' }, event('too late'), 60_000))
    const once = rejection(keeper!.publish({ name: 'once', id: '1' }, event('first'), 60_000, () => 'other'))
    const forgotten = keeper!.forget({ name: 'forgotten', id: '1' })
    const found = keeper!.recall([{ name: 'found', id: '1' }])
    for (let i = 0; i < 20; i++) await sentinel(both, both, key(i))
    expect(await kept).toMatchObject({ code: 'ERR_NOT_KEPT' })
    expect(await once).toMatchObject({ code: 'ERR_UNCERTAIN' })
    const closed = open(postgres.url)
    const left = rejection(closed.transport.keeper!.publish({ name: 'left', id: '1' }, event('left'), 60_000))
    await closed.transport.publish(key('plain'), event('plain'))
    await closed.transport.close()
    expect(await left).toMatchObject({ code: 'ERR_UNCERTAIN' })
    await client.query('ROLLBACK')
    await forgotten
    expect(await found).toEqual([event('found')])
    expect(both.receiver.log).toEqual(['outputStore up', 'inputStore up'])
  } finally {
    await client.end()
  }
})

test('a body that cannot be read fails nobody else who reads', async () => {
  const keeper = open(postgres.url).transport.keeper!
  const ids = Array.from({ length: 20 }, (_, i) => key(`read ${i}`))
  await Promise.all(ids.map((one) => keeper.publish(one, event('kept'), 60_000)))
  const bad = keyOf('se', ids[7]!)
  await execute(postgres, `UPDATE server_events_outcomes SET body = '\\xff00' WHERE key = '\\x${bad}'`)
  const found = await keeper.recall(ids)
  expect(found[7]).toMatchObject({ code: 'ERR_SERIALIZATION' })
  expect(found.filter((one) => JSON.stringify(one) === JSON.stringify(event('kept')))).toHaveLength(19)
})

test('processes that keep the same ids in opposite order do not block each other', async () => {
  const workers = Array.from({ length: 4 }, () => open(postgres.url))
  const ids = Array.from({ length: 100 }, (_, i) => i)
  const orders = workers.map((_, i) => (i % 2 ? [...ids].reverse() : ids))
  for (let round = 0; round < 3; round++)
    await Promise.all(
      workers.flatMap(({ transport }, i) =>
        orders[i]!.map((id) => transport.keeper!.publish(key(id), event(`${round}`), 60_000)),
      ),
    )
  expect(await workers[0]!.transport.keeper?.recall(ids.map(key))).toEqual(ids.map(() => event('2')))
  for (const { receiver } of workers) expect(receiver.log).toEqual(['inputStore up'])
})

test('what has expired is removed, however much it is, and nothing else', async () => {
  await execute(
    postgres,
    `TRUNCATE server_events_outcomes;
     INSERT INTO server_events_outcomes SELECT sha256(i::text::bytea), '', now() - interval '1 s' FROM generate_series(1, 2500) i`,
  )
  const { transport } = open(postgres.url, { sweep: 50 })
  await transport.keeper?.publish(key('stays'), event('stays'), 60_000)
  await eventually(async () => (await count()) === 1)
  expect(await transport.keeper?.recall([key('stays')])).toEqual([event('stays')])
})

test('what is kept goes by the clock of the server, whatever ours says', async () => {
  const { transport } = open(postgres.url)
  jest.spyOn(Date, 'now').mockReturnValue(0)
  try {
    await transport.keeper?.publish(key('late'), event('late'), 60_000)
  } finally {
    jest.restoreAllMocks()
  }
  const [row] = await execute(
    postgres,
    "SELECT max(expires_at) - clock_timestamp() BETWEEN interval '50 s' AND interval '60 s' AS right FROM server_events_outcomes",
  )
  expect(row).toEqual({ right: true })
})
