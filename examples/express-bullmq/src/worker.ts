import { setTimeout as delay } from 'node:timers/promises'
import { UnrecoverableError, Worker } from 'bullmq'
import type { Job } from 'bullmq'
import { connect, queueName, redisUrl } from './contract'
import type { Invoice, Order } from './contract'

/** The order's fault: no further attempt would help. Of an error, `code` travels as well. */
class OrderError extends UnrecoverableError {
  readonly code = 'ORDER_REFUSED'
}

async function bill({ data, id, attemptsStarted }: Job<Order>): Promise<Invoice> {
  const cents = data.lines.reduce((sum, line) => sum + line.cents * line.count, 0)
  if (cents === 0) throw new OrderError('There is nothing to bill')
  await delay(data.slow)
  if (attemptsStarted <= data.closed) throw new Error('The tax office is closed')
  return { number: `INV-${String(id).slice(0, 8)}`, cents }
}

async function main(): Promise<void> {
  const events = connect(redisUrl)
  await events.init()
  const worker = new Worker<Order, Invoice>(queueName, bill, { connection: { url: redisUrl }, concurrency: 10 })
  worker.on('error', (error) => console.error(`queue: ${error.message}`))

  // What emit and fail reject with is told on onerror: nobody has to await them.
  worker.on('completed', (job, invoice) => {
    void events.emit('invoice', job.id as string, invoice)
    console.log(`${job.id ?? ''}: ${invoice.number}`)
  })
  worker.on('failed', (job, error) => {
    if (job?.id === undefined) return
    console.log(`${job.id}: attempt ${job.attemptsMade} of ${job.opts.attempts ?? 1} failed: ${error.message}`)
    // BullMQ calls this for every attempt, and says of the final one only when the job finished. The wait goes on
    // until then: to fail it now would answer with an error what the next attempt may still do.
    if (job.finishedOn !== undefined) void events.fail('invoice', job.id, error)
  })
  await worker.waitUntilReady()
  console.log('ready')

  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    // First the jobs in hand, which still emit; then the emits, for which close waits.
    await worker.close()
    await events.close()
  }
  process.on('SIGTERM', () => void stop())
  process.on('SIGINT', () => void stop())
}

void main()
