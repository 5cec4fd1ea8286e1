import { postgresMigration } from '@server-events/postgres'
import { startPostgres } from '@server-events/testing'
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
