import { request } from 'node:http'
import { join } from 'node:path'
import { RedisTransport } from '@server-events/redis'
import { eventually, inTime, runNode, startRedis } from '@server-events/testing'
import type { NodeProcess, RedisServer } from '@server-events/testing'
import { Queue } from 'bullmq'
import { ServerEvents } from 'server-events'
import { connect, queueName } from '../src/contract'

const dist = join(__dirname, '../dist')
const lines = [{ what: 'tea', cents: 250, count: 4 }]

let redis: RedisServer
let queue: Queue
const processes: NodeProcess[] = []
let workers: NodeProcess[]
let api: NodeProcess
let url: string

/** How long the API holds a request, in ms. */
const patience = 1_500

async function start(file: string, ready: string): Promise<NodeProcess> {
  const env = { REDIS_URL: redis.url, PORT: '0', PATIENCE: String(patience) }
  const started = await runNode(join(dist, file), { env })
  processes.push(started)
  await started.line(ready)
  return started
}

async function startApi(): Promise<[NodeProcess, string]> {
  const started = await start('api.js', 'listening')
  return [started, /http:\S+/.exec(started.lines[0] ?? '')?.[0] ?? '']
}

beforeAll(async () => {
  redis = await startRedis()
  queue = new Queue(queueName, { connection: { url: redis.url } })
  queue.on('error', () => undefined)
  workers = await Promise.all([start('worker.js', 'ready'), start('worker.js', 'ready')])
  ;[api, url] = await startApi()
})

afterAll(async () => {
  await queue.close()
  await Promise.all(processes.map((process) => process.kill()))
  await redis.stop()
})

interface Answer {
  status: number
  location: string | null
  body: any
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, location: response.headers.get('location'), body: await response.json() }
}

async function post(order: object, headers: Record<string, string> = {}, to = url): Promise<Answer> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } }
  return answerOf(await fetch(`${to}/invoices`, { ...init, body: JSON.stringify(order) }))
}

const get = async (id: string): Promise<Answer> => answerOf(await fetch(`${url}/invoices/${id}`))
const retry = async (id: string): Promise<Answer> =>
  answerOf(await fetch(`${url}/invoices/${id}/retry`, { method: 'POST' }))

/** What the workers said of a job. */
const told = (id: string): string[] =>
  workers.flatMap(({ lines }) => lines.filter((line) => line.startsWith(id))).map((line) => line.slice(id.length + 2))

/** Of the job that is being done now, told from others by how slow it is. */
function idOfActive(slow: number): Promise<string> {
  return eventually(async () => (await queue.getActive()).find(({ data }) => data.slow === slow)?.id ?? false)
}

test('the invoice that a worker made is the answer, and can be asked for again', async () => {
  const { status, body } = await post({ lines })
  expect([status, body]).toEqual([200, { id: expect.any(String), invoice: expect.any(Object) }])
  expect(body.invoice).toEqual({ number: `INV-${body.id.slice(0, 8)}`, cents: 1000 })
  expect(await get(body.id)).toEqual({ status: 200, location: null, body })
})

test('a failed attempt that is not the final one is not the answer', async () => {
  const { status, body } = await post({ lines, closed: 2 })
  expect([status, body.invoice?.cents]).toEqual([200, 1000])
  await eventually(() => told(body.id).length === 3)
  expect(told(body.id).sort()).toEqual([
    `INV-${body.id.slice(0, 8)}`,
    'attempt 1 of 3 failed: The tax office is closed',
    'attempt 2 of 3 failed: The tax office is closed',
  ])
})

test('the final one is, is kept, and is forgotten for a retry with the same id', async () => {
  const failed = await post({ lines, closed: 3 })
  const { id } = failed.body
  const error = { name: 'Error', message: 'The tax office is closed' }
  expect(failed).toEqual({ status: 502, location: `/invoices/${id}`, body: { id, error } })
  expect(await get(id)).toMatchObject({ status: 502, body: { id, error } })

  // The fourth attempt finds it open.
  const retried = await retry(id)
  expect(retried).toMatchObject({ status: 200, body: { id, invoice: { cents: 1000 } } })
  expect(await get(id)).toEqual(retried)
  expect(await retry(id)).toMatchObject({ status: 409, body: { id } })
})

test("the order's own fault is 422 after one attempt", async () => {
  const { status, body } = await post({ lines: [{ what: 'air', cents: 0, count: 1 }] })
  const error = { name: 'OrderError', code: 'ORDER_REFUSED', message: 'There is nothing to bill' }
  expect([status, body.error]).toEqual([422, error])
  await eventually(() => told(body.id).length === 1)
  expect(told(body.id)).toEqual(['attempt 1 of 3 failed: There is nothing to bill'])
})

test('what takes longer than a request is held is 504 with a body, and is there later', async () => {
  const { status, location, body } = await post({ lines, slow: patience + 700 })
  expect([status, location, body]).toEqual([
    504,
    `/invoices/${body.id}`,
    {
      id: body.id,
      error: {
        name: 'TimeoutError',
        code: 'ERR_TIMEOUT',
        message: `No invoice within ${patience} ms. It is still being made: look again later.`,
      },
    },
  ])
  expect(await get(body.id)).toMatchObject({ status: 202, body: { id: body.id, state: 'active', attempts: 0 } })
  const later = await eventually(async () => {
    const answer = await get(body.id)
    return answer.status === 200 && answer
  })
  expect(later.body.invoice.cents).toBe(1000)
})

test('who does not want to be held is answered at once', async () => {
  const { status, location, body } = await post({ lines, slow: 300 }, { prefer: 'respond-async' })
  expect([status, location]).toEqual([202, `/invoices/${body.id}`])
  expect((await get(body.id)).status).toBe(202)
  await eventually(async () => (await get(body.id)).status === 200)
})

test('an outcome that is kept no longer is answered from the queue', async () => {
  const done = await post({ lines })
  const failed = await post({ lines, closed: 3 })
  const events = connect(redis.url)
  await events.forget('invoice', done.body.id)
  await events.forget('invoice', failed.body.id)
  expect(await events.peek('invoice', done.body.id)).toBeUndefined()
  await events.close()
  expect(await get(done.body.id)).toEqual(done)
  expect(await get(failed.body.id)).toMatchObject({ status: 502, body: failed.body })
})

test('what is no order, and what is not there, is said', async () => {
  expect(await post({ lines: [] })).toMatchObject({ status: 400, body: { error: { name: 'InvalidOrder' } } })
  const broken = await fetch(`${url}/invoices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{',
  })
  expect(await answerOf(broken)).toMatchObject({ status: 400, body: { error: { name: 'SyntaxError' } } })
  expect((await get('nothing')).status).toBe(404)
  expect((await retry('nothing')).status).toBe(409)
})

test('when the caller hangs up nobody waits any more, and the invoice is made all the same', async () => {
  const headers = { 'content-type': 'application/json' }
  const call = request(`${url}/invoices`, { method: 'POST', headers, agent: false })
  call.on('error', () => undefined)
  call.end(JSON.stringify({ lines, slow: 601 }))
  const id = await idOfActive(601)
  call.destroy()
  await api.line(`${id}: the caller left`)
  await eventually(async () => (await get(id)).status === 200)
})

test('an API server that is told to stop answers what it has, and takes no more', async () => {
  const [other, otherUrl] = await startApi()
  const held = post({ lines, slow: 602 }, {}, otherUrl)
  await idOfActive(602)
  other.signal('SIGTERM')
  const refused = (): Promise<boolean> =>
    post({ lines }, { connection: 'close' }, otherUrl).then(
      ({ status }) => status === 503,
      () => true,
    )
  await eventually(refused)
  expect((await held).status).toBe(200)
  expect([await other.exited, other.stderr]).toEqual([0, ''])
})

test('a worker that is told to stop ends the job that it has, and tells of it', async () => {
  const worker = await start('worker.js', 'ready')
  for (const other of workers.splice(0)) {
    other.signal('SIGTERM')
    expect([await other.exited, other.stderr]).toEqual([0, ''])
  }
  const held = post({ lines, slow: 603 })
  await idOfActive(603)
  worker.signal('SIGTERM')
  expect((await held).status).toBe(200)
  expect([await worker.exited, worker.stderr]).toEqual([0, ''])
})

test('what is no invoice is refused where it is emitted, and where it arrives', async () => {
  const told = jest.spyOn(console, 'error').mockImplementation()
  const events = connect(redis.url)
  await expect(events.emit('invoice', 'x', { number: 'X-1', cents: 1 })).rejects.toMatchObject({
    code: 'ERR_VALIDATION',
  })
  expect(told.mock.calls).toEqual([[expect.stringContaining('[0].number: Invalid string')]])
  told.mockRestore()
  await events.close()

  // A worker of another version, say.
  const other = new ServerEvents(new RedisTransport(redis.url), { keep: 60_000 })
  await other.emit('invoice', 'x', { number: 'X-1', cents: 1 })
  await other.close()
  expect((await get('x')).status).toBe(503)
})

test('without Redis the answer is 503 at once, and with it again all goes on', async () => {
  await redis.kill()
  expect(await eventually(() => post({ lines }))).toMatchObject({
    status: 503,
    body: { error: { name: 'Unavailable' } },
  })
  await redis.restart()
  workers.push(await start('worker.js', 'ready'))
  await eventually(async () => (await post({ lines })).status === 200, { timeout: 15_000, interval: 100 })
})

describe('while Redis is frozen', () => {
  beforeAll(async () => {
    const [other, otherUrl] = await startApi()
    frozen = [other, otherUrl]
    redis.pause()
  })
  afterAll(() => redis.resume())

  let frozen: [NodeProcess, string]

  test.each<[string, (to: string) => Promise<Response>]>([
    ['a caller who is held', (to) => order(to)],
    ['one who wants to be answered at once', (to) => order(to, { prefer: 'respond-async' })],
    ['one who looks again', (to) => fetch(`${to}/invoices/some`)],
    ['one who tries again', (to) => fetch(`${to}/invoices/some/retry`, { method: 'POST' })],
  ])('%s is answered in time', async (_, ask) => {
    const { answer, late } = await inTime(ask(frozen[1]), patience)
    expect([503, 504]).toContain(answer.status)
    expect(late).toBe(false)
  })

  const order = (to: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${to}/invoices`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ lines }),
    })
})
