import { eventually } from '@server-events/testing'
import type { ServerEvents } from 'server-events'
import { startApiServer } from '../src/api-server'
import type { ApiServer } from '../src/api-server'
import { connect } from '../src/events'
import type { DemoEvents } from '../src/events'
import { startWorker } from '../src/worker'

let api: ApiServer
/** In the place of a worker, or beside one. */
let other: ServerEvents<DemoEvents>

beforeEach(async () => {
  api = await startApiServer('A', connect('API', undefined, { listen: ['report'] }))
  other = connect('other', undefined)
})

afterEach(async () => {
  await api.stop()
  await other.close()
})

async function post(body: string, init: RequestInit = {}): Promise<{ status: number; answer: any }> {
  const response = await fetch(`http://127.0.0.1:${api.port}/api/jobs`, { method: 'POST', body, ...init })
  return { status: response.status, answer: await response.json() }
}

test('the report of the worker is the answer', async () => {
  const worker = await startWorker(connect('worker', undefined))
  const { status, answer } = await post('{"below":100}')
  expect(status).toBe(200)
  expect(answer).toEqual({
    server: 'A',
    took: expect.any(Number),
    report: { primes: 25, computed: expect.any(Number) },
  })
  await worker.stop()
})

test('an error of the worker is passed on: its own as 422, any other as 502', async () => {
  const worker = await startWorker(connect('worker', undefined))
  const { status, answer } = await post('{"below":-1}')
  expect([status, answer.error.name, answer.error.code]).toEqual([422, 'RangeError', 'ERR_OUT_OF_RANGE'])
  expect(answer.error.message).toContain('-1 is not')
  await worker.stop()

  await other.listen('job', (id) => other.fail('report', id, new TypeError('a bug')))
  const bug = await post('{"below":1}')
  expect([bug.status, bug.answer.error]).toEqual([502, { name: 'TypeError', message: 'a bug' }])
})

test.each(['', 'null', '{}', '{"below":"1"}', '{"below":', `{"below":1,"more":"${'x'.repeat(1_000)}"}`])(
  'what is no job is refused without asking the worker: %.20s',
  async (body) => {
    const jobs: string[] = []
    await other.listen('job', (id) => jobs.push(id))
    const { status, answer } = await post(body)
    expect([status, answer.error.message]).toEqual([400, 'Send { "below": <number> } as JSON.'])
    expect(jobs).toEqual([])
  },
)

test('when the caller goes away the worker is told to stop', async () => {
  const jobs: string[] = []
  const cancelled: string[] = []
  await other.listen('job', (id) => jobs.push(id))
  await other.listen('cancel', (id) => cancelled.push(id))
  const caller = new AbortController()
  const request = post('{"below":1}', { signal: caller.signal }).catch((error: unknown) => (error as Error).name)
  await eventually(() => jobs.length === 1)
  caller.abort()
  expect(await request).toBe('AbortError')
  // At once, not when the wait would have ended.
  await eventually(() => cancelled.length === 1, { timeout: 1_000 })
  expect(cancelled).toEqual(jobs)
})

test('a request without an answer ends with 504 and a message of ours', async () => {
  const { status, answer } = await post('{"below":1}')
  expect(status).toBe(504)
  expect(answer).toEqual({
    server: 'A',
    took: expect.any(Number),
    error: {
      name: 'TimeoutError',
      code: 'ERR_TIMEOUT',
      message: 'The worker did not answer within 3 seconds. It was told to stop.',
    },
  })
})

test('a cancelled job stops, and nobody is told of it', async () => {
  const worker = await startWorker(connect('worker', undefined))
  const wait = other.on('report', 'long', 200).catch((error: unknown) => (error as { code: string }).code)
  await other.emit('job', 'long', { below: 10_000_000_000 })
  await other.emit('cancel', 'long')
  expect(await wait).toBe('ERR_TIMEOUT')
  await worker.stop()
})
