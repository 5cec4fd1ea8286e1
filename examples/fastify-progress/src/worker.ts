import { setTimeout as delay } from 'node:timers/promises'
import { connect } from './contract'
import type { Job } from './contract'

/** How often a job tells of itself, in ms. */
const interval = 100

async function main(): Promise<void> {
  const events = connect()
  const running = new Map<string, AbortController>()

  async function work(id: string, job: Job): Promise<void> {
    const controller = new AbortController()
    running.set(id, controller)
    try {
      await importRows(id, job, controller.signal)
    } catch (error) {
      // Ends the streams of all who watch, and the streams of those who come later too.
      await events.fail('progress', id, controller.signal.aborted ? controller.signal.reason : error)
    } finally {
      running.delete(id)
    }
  }

  async function importRows(id: string, { rows, pace = 10, broken, silent }: Job, signal: AbortSignal): Promise<void> {
    const batch = Math.max(1, Math.round(interval / pace))
    for (let done = 0; done < rows;) {
      await delay(pace * Math.min(batch, rows - done), undefined, { signal })
      done = Math.min(rows, done + batch)
      if (silent !== undefined && done >= silent) return
      if (broken !== undefined && done >= broken) {
        throw Object.assign(new Error(`Row ${broken} has no price`), { code: 'BAD_ROW', data: { row: broken } })
      }
      await events.emit('progress', id, { done, total: rows })
    }
  }

  await events.init()
  await events.listen('cancel', (id) => running.get(id)?.abort(new Error('The import was cancelled')))
  await events.listen('start', work)
  console.log('ready')

  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    for (const controller of running.values()) controller.abort(new Error('The worker was stopped'))
    // Waits for what the jobs in hand still tell.
    while (running.size > 0) await delay(10)
    await events.close()
  }
  process.on('SIGTERM', () => void stop())
  process.on('SIGINT', () => void stop())
}

void main()
