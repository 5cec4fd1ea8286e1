import { join } from 'node:path'
import { eventually, inTime, runNode, startPostgres } from '@server-events/testing'
import type { NodeProcess, PostgresServer } from '@server-events/testing'
import { Client } from 'pg'
import { migration } from '../src/contract'

const dist = join(__dirname, '../dist')

let postgres: PostgresServer
const processes: NodeProcess[] = []
let workers: NodeProcess[]
let api: NodeProcess
let url: string

/** How long the API holds a request, in ms: for a queue that looks twice a second, on a busy machine. */
const patience = 8_000

async function start(file: string, ready: string, held = patience): Promise<NodeProcess> {
  const env = { POSTGRES_URL: postgres.url, PORT: '0', PATIENCE: String(held) }
  const started = await runNode(join(dist, file), { env })
  processes.push(started)
  await started.line(ready)
  return started
}

async function startApi(held = patience): Promise<[NodeProcess, string]> {
  const started = await start('api.js', 'listening', held)
  return [started, /http:\S+/.exec(started.lines[0] ?? '')?.[0] ?? '']
}

async function execute(sql: string): Promise<unknown[]> {
  const client = new Client(postgres.url)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

beforeAll(async () => {
  postgres = await startPostgres()
  await execute(migration)
  workers = [await start('worker.js', 'ready'), await start('worker.js', 'ready')]
  ;[api, url] = await startApi()
})

afterAll(async () => {
  postgres.resume()
  await Promise.all(processes.map((process) => process.kill()))
  await postgres.stop()
})

interface Answer {
  status: number
  location: string | null
  body: any
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, location: response.headers.get('location'), body: await response.json() }
}

function order(body: unknown, to = url): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return fetch(`${to}/invoices`, { method: 'POST', headers, body: JSON.stringify(body) })
}

const post = async (body: unknown, to = url): Promise<Answer> => answerOf(await order(body, to))
const get = async (id: string): Promise<Answer> => answerOf(await fetch(`${url}/invoices/${id}`))
const stateOf = (id: string): Promise<unknown[]> => execute(`SELECT state FROM pgboss.job WHERE id = '${id}'`)

test('the invoice that a worker booked is the answer, its job is done, and it can be asked for again', async () => {
  const { status, body } = await post({ cents: 1000 })
  const invoice = { number: `INV-${body.id.slice(0, 8)}`, cents: 1000 }
  expect([status, body]).toEqual([200, { id: body.id, invoice }])
  // Committed together, so it is there without waiting for it.
  expect(await stateOf(body.id)).toEqual([{ state: 'completed' }])
  expect(await get(body.id)).toEqual({ status: 200, location: null, body: { id: body.id, invoice } })
})

test('a failed attempt that is not the final one is not the answer', async () => {
  const { status, body } = await post({ cents: 1000, closed: 2 })
  expect([status, body.invoice?.cents]).toEqual([200, 1000])
  const told = workers.flatMap(({ lines }) => lines.filter((line) => line.startsWith(body.id)))
  expect(told.filter((line) => line.includes('failed'))).toHaveLength(2)
})

test('the final one is, and is kept', async () => {
  const failed = await post({ cents: 1000, closed: 3 })
  const error = { message: 'The tax office is closed' }
  expect(failed).toMatchObject({ status: 502, location: `/invoices/${failed.body.id}`, body: { error } })
  expect(await stateOf(failed.body.id)).toEqual([{ state: 'failed' }])
  expect(await get(failed.body.id)).toMatchObject({ status: 502, body: { error } })
})

test('a row that is refused takes the outcome with it: nobody is told of an invoice that is not there', async () => {
  const failed = await post({ cents: 2_000_000 })
  expect(failed).toMatchObject({ status: 502, body: { error: { message: 'The invoice could not be booked' } } })
  expect(await execute(`SELECT FROM invoices WHERE id = '${failed.body.id}'`)).toEqual([])
})

test('what takes longer than a request is held is 504 with a body, and is there later', async () => {
  const [, hasty] = await startApi(500)
  const { status, location, body } = await post({ cents: 1000, slow: 1_500 }, hasty)
  expect([status, location]).toEqual([504, `/invoices/${body.id}`])
  expect((await get(body.id)).status).toBe(202)
  const later = await eventually(async () => {
    const answer = await get(body.id)
    return answer.status === 200 && answer
  })
  expect(later.body.invoice.cents).toBe(1000)
})

test('what is no order, and what is not there, is said', async () => {
  expect((await post({ cents: 'x' })).status).toBe(400)
  expect((await get('nothing')).status).toBe(404)
})

test('an API server that is told to stop answers what it has', async () => {
  const [other, otherUrl] = await startApi()
  const held = post({ cents: 602, slow: 1_000 }, otherUrl)
  await eventually(async () => (await execute("SELECT FROM pgboss.job WHERE data ->> 'cents' = '602'")).length === 1)
  other.signal('SIGTERM')
  expect((await held).status).toBe(200)
  expect([await other.exited, other.stderr]).toEqual([0, ''])
})

test('a worker that is told to stop ends the job that it has, and tells of it', async () => {
  const worker = await start('worker.js', 'ready')
  for (const other of workers.splice(0)) other.signal('SIGTERM')
  const held = post({ cents: 603, slow: 500 })
  const isActive = "SELECT FROM pgboss.job WHERE data ->> 'cents' = '603' AND state = 'active'"
  await eventually(async () => (await execute(isActive)).length === 1)
  worker.signal('SIGTERM')
  expect((await held).status).toBe(200)
  expect([await worker.exited, worker.stderr]).toEqual([0, ''])
})

test.each<[string, (to: string) => Promise<Response>]>([
  ['a caller who is held', (to) => order({ cents: 1000 }, to)],
  ['one who looks again', (to) => fetch(`${to}/invoices/some`)],
])('while PostgreSQL is frozen %s is answered in time', async (_, ask) => {
  const held = 1_500
  const [, to] = await startApi(held)
  postgres.pause()
  const { answer, late } = await inTime(ask(to), held)
  postgres.resume()
  expect([503, 504]).toContain(answer.status)
  expect(late).toBe(false)
  expect(api.lines).toHaveLength(1)
})
