import { performance } from 'node:perf_hooks'
import type { ServerEvents } from 'server-events'
import type { DemoEvents, Job, Work } from './events'
import { countPrimes } from './primes'

/**
 * How often a job asks whether anybody waits for its report, and how long an answer may take, in ms. Two questions
 * without one stop it, some two seconds after the last wait has ended: short, for who watches. The defaults are longer.
 */
const attention = { every: 500, within: 1_000 }

export interface Worker {
  /** Drops the jobs in hand: stop who waits for them first. */
  stop(): Promise<void>
}

/**
 * Does the jobs it hears and answers each with a report or with the error. It resolves once it
 * hears them. Every worker hears every job, so there is one; several would want a queue.
 */
export async function startWorker(events: ServerEvents<DemoEvents>): Promise<Worker> {
  const stopping = new AbortController()

  async function work(id: string, { below }: Job): Promise<void> {
    using wanted = events.wanted('report', id, attention)
    const signal = AbortSignal.any([wanted.signal, stopping.signal])
    const start = performance.now()
    const after = (): number => Math.round(performance.now() - start)
    const tell = (state: Work['state']): void => void events.emit('work', id, { below, state, after: after() })
    tell('began')
    try {
      const primes = await countPrimes(below, signal)
      await events.emit('report', id, { primes, computed: after() })
      tell('reported')
    } catch (error) {
      if (!signal.aborted) await events.fail('report', id, error)
      tell(signal.aborted ? 'stopped' : 'failed')
    }
  }

  await events.init()
  await events.listen('job', work)

  return {
    async stop() {
      stopping.abort()
      // Each job still tells that it has stopped.
      await events.close({ drain: 1_000 })
    },
  }
}
