import { performance } from 'node:perf_hooks'
import type { ServerEvents } from 'server-events'
import type { DemoEvents, Job, Work } from './events'
import { countPrimes } from './primes'

export interface Worker {
  /** Drops the jobs in hand: stop who waits for them first. */
  stop(): Promise<void>
}

/**
 * Does the jobs it hears and answers each with a report or with the error. It resolves once it
 * hears them. Every worker hears every job, so there is one; several would want a queue.
 */
export async function startWorker(events: ServerEvents<DemoEvents>): Promise<Worker> {
  const running = new Map<string, AbortController>()

  async function work(id: string, { below }: Job): Promise<void> {
    const controller = new AbortController()
    running.set(id, controller)
    const start = performance.now()
    const after = (): number => Math.round(performance.now() - start)
    const tell = (state: Work['state']): void => void events.emit('work', id, { below, state, after: after() })
    tell('began')
    try {
      const primes = await countPrimes(below, controller.signal)
      await events.emit('report', id, { primes, computed: after() })
      tell('reported')
    } catch (error) {
      if (!controller.signal.aborted) await events.fail('report', id, error)
      tell(controller.signal.aborted ? 'stopped' : 'failed')
    } finally {
      running.delete(id)
    }
  }

  await events.init()
  await events.listen('cancel', (id) => running.get(id)?.abort())
  await events.listen('job', work)

  return {
    async stop() {
      for (const controller of running.values()) controller.abort()
      await events.close()
    },
  }
}
