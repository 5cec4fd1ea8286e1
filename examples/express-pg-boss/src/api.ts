import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PostgresTransport } from '@server-events/postgres'
import express from 'express'
import type { NextFunction, Request, Response } from 'express'
import { Pool } from 'pg'
import PgBoss from 'pg-boss'
import { ClosedError, RemoteError, TimeoutError } from 'server-events'
import { connect, postgresUrl, queueName } from './contract'
import type { Invoice, Order } from './contract'

/** How long a request is held for its invoice, in ms. */
const patience = Number(process.env['PATIENCE'] ?? 5_000)

const events = connect(new PostgresTransport(postgresUrl), { listen: ['invoice'] })
const pool = new Pool({ connectionString: postgresUrl })
// It only sends: workers look after the queue.
const boss = new PgBoss({ connectionString: postgresUrl, supervise: false, schedule: false })
boss.on('error', (error) => console.error(`queue: ${error.message}`))
pool.on('error', (error) => console.error(`pool: ${error.message}`))

const app = express()
app.disable('x-powered-by')
app.use(express.json())
/** Queue and pool wait for their PostgreSQL as long as it takes: who asked is answered before. */
app.use((_request, response, next) => {
  const late = setTimeout(() => next(new Error(`PostgreSQL did not answer within ${patience} ms`)), patience + 500)
  response.once('close', () => clearTimeout(late))
  next()
})

/** Held until the invoice is there. */
app.post('/invoices', async (request, response) => {
  const order = orderOf(request.body)
  if (!order) {
    response.status(400).json({ error: { message: 'cents has to be a positive integer' } })
    return
  }
  const id = randomUUID()
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  response.locals['id'] = id
  const start = (): Promise<unknown> => boss.send(queueName, order, { id })
  const [invoice] = await events.request('invoice', start, { id, timeout: patience, signal: gone.signal })
  response.json({ id, invoice })
})

/** For who was answered with 504: what is in the table, without waiting for it. */
app.get('/invoices/:id', async ({ params: { id } }, response) => {
  const { rows } = await pool.query<Invoice>('SELECT number, cents FROM invoices WHERE id::text = $1', [id])
  if (rows[0]) {
    response.json({ id, invoice: rows[0] })
    return
  }
  // Rejects if it has failed, with what the worker said.
  await events.peek('invoice', id)
  const job = /^[-0-9a-f]{36}$/.test(id) ? await boss.getJobById(queueName, id) : undefined
  response.status(job ? 202 : 404).json({ id, state: job?.state })
})

// Express 5 brings here what a handler rejects with. The fourth parameter makes it an error handler.
app.use((error: Error, _request: Request, response: Response, _next: NextFunction) => {
  const id = response.locals['id'] as string | undefined
  // The caller left, or PostgreSQL answered after the caller had been.
  if (response.destroyed || response.headersSent) return
  if (id !== undefined) response.location(`/invoices/${id}`)
  const [status, message] = statusOf(error)
  response.status(status).json({ id, error: { message } })
})

function statusOf(error: Error): [status: number, message: string] {
  if (error instanceof RemoteError) return [502, error.message]
  if (error instanceof TimeoutError) return [504, `No invoice within ${patience} ms: look again later`]
  if (error instanceof ClosedError) return [503, 'This server is stopping']
  const { status } = error as { status?: number }
  // Of express.json, for example.
  if (status !== undefined && status < 500) return [status, error.message]
  console.error(error)
  return [503, 'Invoices cannot be made at the moment']
}

function orderOf(body: unknown): Order | undefined {
  const { cents, slow = 20, closed = 0 } = Object(body) as Partial<Order>
  const areNumbers = [cents, slow, closed].every((value) => Number.isInteger(value) && (value as number) >= 0)
  return areNumbers && cents ? { cents, slow, closed } : undefined
}

async function main(): Promise<void> {
  await Promise.all([events.init(), boss.start()])
  await boss.createQueue(queueName, { name: queueName, retryLimit: 2, retryDelay: 0 })
  const server = createServer(app).listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1')
  await once(server, 'listening')
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)

  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    // New connections are refused, new waits too; those that wait still get their answer.
    const closed = new Promise((resolve) => server.close(resolve))
    await events.close({ drain: patience })
    server.closeIdleConnections()
    setTimeout(() => server.closeAllConnections(), 500).unref()
    await closed
    await boss.stop({ graceful: false })
    await pool.end()
  }
  process.on('SIGTERM', () => void stop())
  process.on('SIGINT', () => void stop())
}

void main()
