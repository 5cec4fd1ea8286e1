import { postgresMigration } from '@server-events/postgres'
import { startPgbouncer, startPostgres } from '@server-events/testing'
import type { PostgresServer } from '@server-events/testing'
import { Client } from 'pg'
import { runCli, runDoctor } from './run-cli'

let postgres: PostgresServer

beforeAll(async () => {
  postgres = await startPostgres()
})

afterAll(() => postgres.stop())

test('without the table nothing is kept; with it outcomes are kept, and found by who waits later', async () => {
  expect((await runDoctor(postgres.url)).wrong).toEqual(['warn keeping'])
  expect((await runDoctor(postgres.url, ['--no-keep'])).wrong).toEqual([])
  const client = new Client(postgres.url)
  await client.connect()
  await client.query(postgresMigration())
  await client.end()
  const { code, wrong, of, output } = await runDoctor(postgres.url)
  expect([code, wrong]).toEqual([0, []])
  expect(of('latency of an event')?.found).toMatch(/^p50 .* of 100$/)
  expect(output).not.toContain(postgres.password)
  const env = { SERVER_EVENTS_URL: postgres.url }
  expect((await runCli(['emit', 'report', '1', '"done"', '--keep', '60000'], { env })).code).toBe(0)
  expect(await runCli(['wait', 'report', '1'], { env })).toMatchObject({ code: 0, stdout: '"done"' })
})

test('wrong credentials', async () => {
  const { code, wrong, output } = await runDoctor(postgres.url.replace(postgres.password, 'says-me'))
  expect([code, wrong]).toEqual([1, ['bad connection']])
  expect(output).not.toContain('says-me')
})

describe('the doctor finds', () => {
  let owner: Client

  beforeAll(async () => {
    owner = new Client(postgres.url)
    await owner.connect()
    await owner.query(
      `${postgresMigration()};
      CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT SELECT ON server_events_outcomes TO reader;
      CREATE ROLE worker LOGIN PASSWORD 'worker'; GRANT SELECT, INSERT, UPDATE ON server_events_outcomes TO worker`,
    )
  })

  afterAll(() => owner.end())

  const as = (role: string): string => postgres.url.replace('owner:owner-secret', `${role}:${role}`)

  test('a right that is missing, with the GRANT; not of who does not need it', async () => {
    const reader = await runDoctor(as('reader'))
    expect([reader.code, reader.wrong]).toEqual([1, ['bad keeping']])
    expect(reader.of('keeping')?.fix).toMatch(/^GRANT SELECT, INSERT, UPDATE, DELETE/)
    expect((await runDoctor(as('reader'), ['--side', 'wait'])).wrong).toEqual([])
    const worker = await runDoctor(as('worker'), ['--side', 'emit'])
    expect([worker.code, worker.wrong]).toEqual([0, ['warn keeping']])
    expect(worker.of('keeping')?.found).toContain('forget() and the sweep do not work')
    expect(worker.of('latency of publishing')?.status).toBe('ok')
  })

  test('a pooler that loses LISTEN; who only emits does not mind', async () => {
    const pooler = await startPgbouncer(postgres, 'transaction')
    const { code, wrong, of } = await runDoctor(pooler.url)
    const emitting = await runDoctor(pooler.url, ['--side', 'emit'])
    await pooler.stop()
    expect([code, wrong]).toEqual([1, ['bad permissions']])
    expect(of('permissions')).toMatchObject({
      found: expect.stringContaining('pgbouncer') as string,
      ...{ fix: expect.stringContaining('past the pooler') as string, docs: 'packages/postgres/README.md#poolers' },
    })
    expect(emitting.wrong).toEqual([])
  })

  test('a transaction that holds the table', async () => {
    await owner.query('BEGIN; LOCK TABLE server_events_outcomes')
    const { wrong, of } = await runDoctor(postgres.url)
    await owner.query('ROLLBACK')
    expect([wrong, of('keeping')?.fix]).toEqual([['bad keeping'], expect.stringContaining('pg_blocking_pids()')])
  })

  test('a database that is not there', async () => {
    const { wrong, of } = await runDoctor(postgres.url.replace(/postgres$/, 'elsewhere'))
    expect([wrong, of('connection')?.fix]).toEqual([['bad connection'], expect.stringContaining('name a database')])
  })

  test('a standby', async () => {
    await owner.query(
      `CREATE SCHEMA fake; CREATE FUNCTION fake.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true';
      CREATE ROLE guest LOGIN PASSWORD 'guest'; GRANT USAGE ON SCHEMA fake TO guest;
      ALTER ROLE guest SET search_path = fake, pg_catalog, public`,
    )
    const { wrong, of } = await runDoctor(as('guest'))
    expect([wrong, of('connection')?.fix]).toEqual([['bad connection'], 'connect to the primary'])
  })

  test('no TLS on a network', async () => {
    const own = await startPostgres({ settings: { listen_addresses: '*' } })
    // This machine, but not by a name that says so.
    const { wrong, of } = await runDoctor(own.url.replace('127.0.0.1', '0.0.0.0'), ['--no-keep'])
    await own.stop()
    expect([wrong, of('tls')?.fix]).toEqual([['warn tls'], expect.stringContaining('sslmode=require')])
  })
})
