import { postgresMigration } from '@server-events/postgres'
import { startPostgres, type PostgresServer } from '@server-events/testing'
import { Client } from 'pg'

/** A PostgreSQL that flushes what is committed to the disk, as it does by default; with a table of outcomes, and one of jobs. */
export async function startDurable(): Promise<PostgresServer> {
  const postgres = await startPostgres({ settings: { fsync: 'on', shared_buffers: '128MB' } })
  const client = new Client(postgres.url)
  await client.connect()
  await client.query(`${postgresMigration()}; CREATE TABLE jobs (id text, note text)`)
  await client.end()
  return postgres
}
