import { eventually, inTime, startRedis } from '@server-events/testing'
import type { ServerEvents } from 'server-events'
import { patience, startApiServer } from '../src/api-server'
import type { ApiServer } from '../src/api-server'
import { connect, hub } from '../src/events'
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

test('a report that came before the wait is found', async () => {
  const worker = await startWorker(connect('worker', undefined))
  const { status, answer } = await post('{"below":100,"late":true}')
  expect([status, answer.report.primes]).toEqual([200, 25])
  expect(answer.took).toBeGreaterThanOrEqual(1_000)
  await worker.stop()
})

test('a wait survives a cut, finds what was emitted meanwhile, and says that it was cut', async () => {
  let id = ''
  await other.listen('job', (asked) => (id = asked))
  const answered = post('{"below":100}')
  await eventually(() => id !== '')
  hub.disconnect()
  const emitted = other.emit('report', id, { primes: 25, computed: 1 })
  hub.reconnect()
  await emitted
  expect((await answered).answer).toMatchObject({ report: { primes: 25 }, cuts: 1 })
})

test('the worker tells what it does, and when it stops', async () => {
  const worker = await startWorker(connect('worker', undefined))
  const told: string[] = []
  await other.listen('work', (id, { below, state }) => told.push(`${id}: ${below} ${state}`))
  await other.emit('job', 'small', { below: 10 })
  await eventually(() => told.length === 2)
  await other.emit('job', 'wrong', { below: -1 })
  await eventually(() => told.length === 4)
  await other.emit('job', 'long', { below: 10_000_000_000 })
  await other.emit('cancel', 'long')
  await eventually(() => told.length === 6)
  expect(told).toEqual([
    ...['small: 10 began', 'small: 10 reported', 'wrong: -1 began', 'wrong: -1 failed'],
    ...['long: 10000000000 began', 'long: 10000000000 stopped'],
  ])
  await worker.stop()
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

test('while Redis is frozen a request is answered in time', async () => {
  const redis = await startRedis()
  const frozen = await startApiServer('B', connect('API', redis.url, { listen: ['report'] }))
  redis.pause()
  const asked = fetch(`http://127.0.0.1:${frozen.port}/api/jobs`, { method: 'POST', body: '{"below":1}' })
  const { answer, late } = await inTime(asked, patience)
  expect([answer.status, late]).toEqual([504, false])
  redis.resume()
  await frozen.stop()
  await redis.stop()
})
