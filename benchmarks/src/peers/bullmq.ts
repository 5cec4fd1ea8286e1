import { Queue, QueueEvents, Worker } from 'bullmq'
import { name, payload, timeout, type Emitter, type Peer, type Waiter } from './peer'

/** A job queue: it does more (the job survives a crash), and it is what people wait on today. */
export function bullmq(url: string): Peer {
  const connection = { url, maxRetriesPerRequest: null }
  return {
    async waiter(): Promise<Waiter> {
      const queue = new Queue(name, { connection })
      // One for each job that is waited for.
      queue.setMaxListeners(0)
      const events = new QueueEvents(name, { connection })
      await Promise.all([queue.waitUntilReady(), events.waitUntilReady()])
      // A job that was removed at once would be missed by who asks for it a moment later.
      const removeOnComplete = 10_000
      return {
        triggers: true,
        wait: async (id) => {
          const job = await queue.add('job', { id }, { removeOnComplete })
          return (await job.waitUntilFinished(events, timeout)) as unknown
        },
        close: async () => {
          await events.close()
          await queue.close()
        },
      }
    },
    async emitter(): Promise<Emitter> {
      const worker = new Worker(name, () => Promise.resolve([payload]), { connection, concurrency: 100 })
      await worker.waitUntilReady()
      return { emit: () => undefined, close: () => worker.close() }
    },
  }
}
