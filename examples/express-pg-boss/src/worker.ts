import { setTimeout as delay } from 'node:timers/promises'
import { PostgresTransport } from '@server-events/postgres'
import { Pool } from 'pg'
import PgBoss from 'pg-boss'
import { connect, postgresUrl, queueName } from './contract'
import type { Invoice, Order } from './contract'

type Job = PgBoss.JobWithMetadata<Order>
type Query = (text: string, values: unknown[]) => Promise<unknown>

const transport = new PostgresTransport(postgresUrl)
const events = connect(transport)
const pool = new Pool({ connectionString: postgresUrl })
const boss = new PgBoss({ connectionString: postgresUrl })
boss.on('error', (error) => console.error(`queue: ${error.message}`))
pool.on('error', (error) => console.error(`pool: ${error.message}`))

async function bill({ id, data, retryCount }: Job): Promise<Invoice> {
  await delay(data.slow)
  if (retryCount < data.closed) throw new Error('The tax office is closed')
  return { number: `INV-${id.slice(0, 8)}`, cents: data.cents }
}

/** The row, the end of the job and its outcome are one transaction: all of it is there, or nothing, and nobody was told. */
async function settle(work: (query: Query, db: PgBoss.Db) => Promise<void>): Promise<void> {
  const client = await pool.connect()
  try {
    const db: PgBoss.Db = { executeSql: (text, values) => client.query(text, values as unknown[]) }
    await transport.transaction(client, () => work((text, values) => client.query(text, values), db))
  } finally {
    client.release()
  }
}

async function attempt(job: Job): Promise<void> {
  const { id } = job
  try {
    const invoice = await bill(job)
    await settle(async (query, db) => {
      await query('INSERT INTO invoices VALUES ($1, $2, $3)', [id, invoice.number, invoice.cents])
      await boss.complete(queueName, id, invoice, { db })
      await events.emit('invoice', id, invoice)
    })
    console.log(`${id}: ${invoice.number}`)
  } catch (error) {
    console.log(`${id}: attempt ${job.retryCount + 1} failed`)
    // The wait goes on: to fail it now would answer with an error what the next attempt may still do.
    if (job.retryCount < job.retryLimit) throw error
    await settle(async (_, db) => {
      await boss.fail(queueName, id, {}, { db })
      // What PostgreSQL says is not for callers.
      const isOurs = error instanceof Error && !('severity' in error)
      await events.fail('invoice', id, isOurs ? error : new Error('The invoice could not be booked'))
    })
  }
}

async function main(): Promise<void> {
  await boss.start()
  await boss.createQueue(queueName, { name: queueName, retryLimit: 2, retryDelay: 0 })
  await events.init()
  await boss.work<Order>(queueName, { includeMetadata: true, pollingIntervalSeconds: 0.5 }, ([job]) =>
    job ? attempt(job) : Promise.resolve(),
  )
  console.log('ready')

  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    // First the jobs in hand, which still emit; then the emits, for which close waits.
    await boss.stop({ graceful: true, wait: true })
    await events.close()
    await pool.end()
  }
  process.on('SIGTERM', () => void stop())
  process.on('SIGINT', () => void stop())
}

void main()
