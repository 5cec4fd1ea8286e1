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

/** What the worker tells of its jobs, as `below state`. */
async function toldOfWork(): Promise<string[]> {
  const told: string[] = []
  await other.listen('work', (_, { below, state }) => told.push(`${below} ${state}`))
  return told
}

const long = 10_000_000_000

test('when the caller goes away the worker stops, since nobody waits any more', async () => {
  const worker = await startWorker(connect('worker', undefined))
  const told = await toldOfWork()
  const caller = new AbortController()
  const request = post(`{"below":${long}}`, { signal: caller.signal }).catch((error: unknown) => (error as Error).name)
  await eventually(() => told.length === 1)
  caller.abort()
  expect(await request).toBe('AbortError')
  await eventually(() => told.length === 2, { timeout: 30_000 })
  expect(told).toEqual([`${long} began`, `${long} stopped`])
  await worker.stop()
}, 60_000)

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

test('the worker tells what it does, and stops a job that nobody waits for, which is no failure', async () => {
  const worker = await startWorker(connect('worker', undefined))
  const told = await toldOfWork()
  for (const [id, below] of Object.entries({ small: 10, wrong: -1, long })) {
    const before = told.length
    await other.emit('job', id, { below })
    await eventually(() => told.length === before + 2, { timeout: 30_000 })
  }
  expect(told).toEqual([
    ...['10 began', '10 reported', '-1 began', '-1 failed'],
    ...[`${long} began`, `${long} stopped`],
  ])
  expect(await other.peek('report', 'long')).toBeUndefined()
  await worker.stop()
}, 60_000)

test('a request without an answer ends with 504 and a message of ours', async () => {
  const { status, answer } = await post('{"below":1}')
  expect(status).toBe(504)
  expect(answer).toEqual({
    server: 'A',
    took: expect.any(Number),
    error: {
      name: 'TimeoutError',
      code: 'ERR_TIMEOUT',
      message: 'The worker did not answer within 3 seconds. It stops: nobody waits any more.',
    },
  })
})

test('a worker that is told to stop drops its job at once', async () => {
  const worker = await startWorker(connect('worker', undefined))
  const told = await toldOfWork()
  const wait = other.on('report', 'long', 200).catch((error: unknown) => (error as { code: string }).code)
  await other.emit('job', 'long', { below: long })
  await eventually(() => told.length === 1)
  await worker.stop()
  expect(await wait).toBe('ERR_TIMEOUT')
  expect(await other.peek('report', 'long')).toBeUndefined()
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
