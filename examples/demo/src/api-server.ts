import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { json } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { RemoteError, TimeoutError } from 'server-events'
import type { ServerEvents } from 'server-events'
import type { DemoEvents, Job, Report } from './events'
import { listenOn } from './http'

/** How long a request waits for the worker, in ms. */
export const patience = 3_000

/** How long after the job the wait of a late request begins, in ms. */
const lateness = 1_000

export interface ApiServer {
  readonly port: number
  /** Answers the requests it has, takes no more, and resolves when all are answered. */
  stop(): Promise<void>
}

/** What `POST /api/jobs` answers, whatever the status. */
export interface Answer {
  /** The API server that took the request. */
  readonly server: string
  /** From the request to this answer, in ms. */
  readonly took: number
  readonly report?: Report
  /** How often the connection was lost meanwhile, or was away from the beginning; absent if never. */
  readonly cuts?: number
  readonly error?: { readonly name: string; readonly message: string; readonly code?: string | number | undefined }
}

export async function startApiServer(name: string, events: ServerEvents<DemoEvents>): Promise<ApiServer> {
  // With `listen: ['report']` the subscription stands now, and no report can come before its wait.
  await events.init()

  const server = createServer((request, response) => {
    if (request.method !== 'POST' || request.url !== '/api/jobs') {
      response.writeHead(404).end()
      return
    }
    void answer(request, response)
  })
  const port = await listenOn(server, 0)

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const start = performance.now()
    const before = events.stats().outputStore
    const [status, body] = await attempt(request, response)
    if (response.destroyed) return
    const cuts = events.stats().outputStore.interruptions - before.interruptions + (before.connected ? 0 : 1)
    const full: Answer = {
      ...{ server: name, took: Math.round(performance.now() - start), ...body },
      ...(cuts > 0 ? { cuts } : {}),
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(full))
  }

  async function attempt(request: IncomingMessage, response: ServerResponse): Promise<[number, Partial<Answer>]> {
    const asked = await askedOf(request)
    if (!asked) {
      return [400, { error: { name: 'Error', message: 'Send { "below": <number> } as JSON.' } }]
    }
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    try {
      return [200, { report: await (asked.late ? askLate : ask)(asked.job, gone.signal) }]
    } catch (error) {
      return refusal(error)
    }
  }

  /** The flow that server-events is for: wait, have it done, answer. */
  async function ask(job: Job, gone: AbortSignal): Promise<Report> {
    const order = (id: string): Promise<void> => events.emit('job', id, job)
    const [report] = await events.request('report', order, { timeout: patience, signal: gone })
    return report
  }

  /** The wrong way round, on purpose: by the time of the wait the report has come, and is found because it is kept. */
  async function askLate(job: Job, gone: AbortSignal): Promise<Report> {
    const id = events.createId()
    await events.emit('job', id, job)
    await delay(lateness)
    const [report] = await events.on('report', id, { timeout: patience, signal: gone })
    return report
  }

  return {
    port,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      await events.close({ drain: patience })
      server.closeIdleConnections()
      await closed
    },
  }
}

/** What the caller may know of it: the worker's own errors in full, of others what to expect. */
function refusal(error: unknown): [number, Partial<Answer>] {
  if (error instanceof RemoteError) {
    const { remoteName, message, remoteCode } = error
    const status = remoteName === 'RangeError' ? 422 : 502
    return [status, { error: { name: remoteName, message, code: remoteCode } }]
  }
  const { name, code } = error as { name: string; code?: string }
  if (error instanceof TimeoutError) {
    const message = `The worker did not answer within ${patience / 1_000} seconds. It stops: nobody waits any more.`
    return [504, { error: { name, message, code } }]
  }
  return [503, { error: { name, message: 'The worker cannot be reached at the moment.', code } }]
}

async function askedOf(request: IncomingMessage): Promise<{ job: Job; late: boolean } | undefined> {
  const limit = 1_000
  if (Number(request.headers['content-length'] ?? Infinity) > limit) return undefined
  const body: unknown = await json(request).catch(() => undefined)
  if (typeof body !== 'object' || body === null || !('below' in body)) return undefined
  if (typeof body.below !== 'number') return undefined
  return { job: { below: body.below }, late: 'late' in body && body.late === true }
}
