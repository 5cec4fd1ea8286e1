import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Queue } from 'bullmq'
import type { Job } from 'bullmq'
import express from 'express'
import type { NextFunction, Request, Response } from 'express'
import { ClosedError, RemoteError, TimeoutError } from 'server-events'
import { connect, order, queueName, redisUrl } from './contract'
import type { Invoice, Order } from './contract'

/** How long a request is held for its invoice, in ms. */
const patience = Number(process.env['PATIENCE'] ?? 5_000)

const events = connect(redisUrl, { listen: ['invoice'] })
const queue = new Queue<Order, Invoice>(queueName, {
  // Without Redis a request fails now, not when Redis is back and the caller long gone.
  connection: { url: redisUrl, enableOfflineQueue: false },
  defaultJobOptions: {
    attempts: 3,
    backoff: { type: 'exponential', delay: 50 },
    removeOnComplete: { age: 3_600 },
    removeOnFail: { age: 3_600 },
  },
})
queue.on('error', (error) => console.error(`queue: ${error.message}`))

const app = express()
app.disable('x-powered-by')
app.use(express.json())
/** BullMQ waits for its Redis as long as it takes: who asked is answered before. */
app.use((_request, response, next) => {
  const late = setTimeout(() => next(new Error(`the queue did not answer within ${patience} ms`)), patience + 500)
  response.once('close', () => clearTimeout(late))
  next()
})
app.param('id', (_request, response, next, id: string) => {
  response.locals['id'] = id
  next()
})

/** Held until the invoice is there; with `Prefer: respond-async` (RFC 7240) answered at once. */
app.post('/invoices', async (request, response) => {
  const { success, data, error } = order.safeParse(request.body)
  if (!success) {
    response.status(400).json({ error: { name: 'InvalidOrder', issues: error.issues } })
    return
  }
  const id = events.createId()
  const start = (): Promise<Job> => queue.add('invoice', data, { jobId: id })
  if (request.get('prefer')?.includes('respond-async')) {
    await start()
    response.status(202).location(`/invoices/${id}`).json({ id })
  } else {
    response.json({ id, invoice: await invoiceOf(id, response, start) })
  }
})

/** For who was answered with 202 or 504: the outcome, without waiting for it. */
app.get('/invoices/:id', async ({ params: { id } }, response) => {
  const kept = await events.peek('invoice', id)
  if (kept) {
    response.json({ id, invoice: kept[0] })
    return
  }
  const job = await queue.getJob(id)
  if (!job) {
    response.status(404).json({ error: { name: 'NotFound', message: `There is no invoice ${id}` } })
  } else if (job.finishedOn === undefined) {
    response.status(202).json({ id, state: await job.getState(), attempts: job.attemptsMade })
  } else if (job.failedReason) {
    // Only the queue knows of it: the outcome is not kept any more, or the worker died before it told of it.
    response.status(502).json({ id, error: { name: 'Error', message: job.failedReason } })
  } else {
    response.json({ id, invoice: job.returnvalue })
  }
})

/** Once more, with the same id: held as the first time. */
app.post('/invoices/:id/retry', async ({ params: { id } }, response) => {
  const job = await queue.getJob(id)
  if ((await job?.getState()) !== 'failed') {
    response.status(409).json({ id, error: { name: 'Conflict', message: 'Only a failed invoice can be retried' } })
    return
  }
  // The failure is kept, and would be the answer to the wait that follows.
  await events.forget('invoice', id)
  const retry = (): Promise<void> | undefined => job?.retry('failed', { resetAttemptsMade: true })
  response.json({ id, invoice: await invoiceOf(id, response, retry) })
})

/** Waits, then starts. When the caller hangs up nobody waits any more; the job goes on. */
async function invoiceOf(id: string, response: Response, start: () => Promise<unknown> | undefined): Promise<Invoice> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  response.locals['id'] = id
  const [invoice] = await events.request('invoice', start, { id, timeout: patience, signal: gone.signal })
  return invoice
}

// Express 5 brings here what a handler rejects with. The fourth parameter makes it an error handler.
app.use((error: Error, _request: Request, response: Response, _next: NextFunction) => {
  const id = response.locals['id'] as string | undefined
  if (response.destroyed) {
    console.log(`${id ?? ''}: the caller left`)
    return
  }
  // The queue answered after the caller had been.
  if (response.headersSent) return
  if (id !== undefined) response.location(`/invoices/${id}`)
  const [status, told] = statusOf(error)
  response.status(status).json({ id, error: told })
})

function statusOf(error: Error): [status: number, told: object] {
  if (error instanceof RemoteError) {
    const { remoteName, remoteCode, message } = error
    return [remoteCode === 'ORDER_REFUSED' ? 422 : 502, { name: remoteName, code: remoteCode, message }]
  }
  if (error instanceof TimeoutError) {
    const message = `No invoice within ${patience} ms. It is still being made: look again later.`
    return [504, { name: error.name, code: error.code, message }]
  }
  if (error instanceof ClosedError) return [503, { name: 'Closing', message: 'This server is stopping' }]
  const { status } = error as { status?: number }
  // Of express.json, for example.
  if (status !== undefined && status < 500) return [status, { name: error.name, message: error.message }]
  console.error(error)
  return [503, { name: 'Unavailable', message: 'Invoices cannot be made at the moment' }]
}

async function main(): Promise<void> {
  await Promise.all([events.init(), queue.waitUntilReady()])
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
    // All is answered: those that wait for nothing, and soon also those that a client opened in advance.
    server.closeIdleConnections()
    setTimeout(() => server.closeAllConnections(), 500).unref()
    await closed
    await queue.close()
  }
  process.on('SIGTERM', () => void stop())
  process.on('SIGINT', () => void stop())
}

void main()
