import { postgresMigration } from '@server-events/postgres'
import { startPostgres, type PostgresServer } from '@server-events/testing'
import { Client } from 'pg'

/**
 * A PostgreSQL that flushes what is committed to the disk, as it does by default; with a table of outcomes, and one of
 * jobs. Each flush takes `flush` ms longer: what a disk takes that is none of a laboratory.
 */
export async function startDurable(flush = 0): Promise<PostgresServer> {
  const waits = { commit_delay: String(flush * 1_000), commit_siblings: '0' }
  const postgres = await startPostgres({ settings: { fsync: 'on', shared_buffers: '128MB', ...waits } })
  const client = new Client(postgres.url)
  await client.connect()
  await client.query(`${postgresMigration()}; CREATE TABLE jobs (id text, note text)`)
  await client.end()
  return postgres
}
