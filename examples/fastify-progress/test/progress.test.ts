import { join } from 'node:path'
import { eventually, inTime, runNode } from '@server-events/testing'
import { patience, startServers } from './servers'
import type { Servers } from './servers'

let servers: Servers

beforeAll(async () => {
  servers = await startServers()
})

afterAll(() => servers.stop())

type Event = [name: string, data: any]

async function start(job: object): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${servers.url}/jobs`, { method: 'POST', headers, body: JSON.stringify(job) })
  expect(response.status).toBe(202)
  const { id } = (await response.json()) as { id: string }
  expect(response.headers.get('location')).toBe(`/jobs/${id}/progress`)
  return id
}

const watch = (id: string, signal?: AbortSignal): Promise<Response> =>
  fetch(`${servers.url}/jobs/${id}/progress`, signal ? { signal } : {})

/** The events that came until the response ended. */
async function eventsOf(response: Response): Promise<Event[]> {
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  const [first = '', ...blocks] = (await response.text()).split('\n\n')
  expect([first, blocks.pop()]).toEqual(['retry: 500', ''])
  return blocks.map((block) => {
    const [, name = '', data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? []
    return [name, JSON.parse(data)]
  })
}

/** How far it was, step by step. */
const steps = (events: Event[]): number[] => events.filter(([name]) => name === 'progress').map(([, { done }]) => done)

test('each step of the worker arrives, in order, and then the end', async () => {
  const events = await eventsOf(await watch(await start({ rows: 40 })))
  expect(events.slice(-2)).toEqual([
    ['progress', { done: 40, total: 40 }],
    ['end', { outcome: 'done' }],
  ])
  // The first may be over before the stream is open: then it is the latest that is kept.
  expect(steps(events).at(0)).toBeLessThan(40)
  expect(steps(events)).toEqual([...new Set(steps(events))].sort((a, b) => a - b))
})

test('who comes when all is done gets the last step and the end', async () => {
  const id = await start({ rows: 10 })
  await eventsOf(await watch(id))
  expect(await eventsOf(await watch(id))).toEqual([
    ['progress', { done: 10, total: 10 }],
    ['end', { outcome: 'done' }],
  ])
})

test("the worker's error is the end, for who comes later too", async () => {
  const id = await start({ rows: 40, broken: 25 })
  const events = await eventsOf(await watch(id))
  const end: Event = ['end', { outcome: 'failed', why: 'Row 25 has no price', code: 'BAD_ROW', data: { row: 25 } }]
  expect(events.at(-1)).toEqual(end)
  expect(steps(events).at(-1)).toBe(20)
  expect(await eventsOf(await watch(id))).toEqual([end])
})

test('a job that falls silent is given up, not before it was silent long enough', async () => {
  const id = await start({ rows: 60, silent: 40 })
  const begin = performance.now()
  const events = await eventsOf(await watch(id))
  expect(events.at(-1)).toEqual(['end', { outcome: 'lost', why: 'Taken for lost: no step came for 1.5 seconds' }])
  expect(steps(events).at(-1)).toBe(30)
  // Each step starts the time anew.
  expect(performance.now() - begin).toBeGreaterThan(1_500 + 100)
})

test('a cancelled job ends for all who watch', async () => {
  const id = await start({ rows: 10_000 })
  const watching = [await watch(id), await watch(id)]
  expect((await fetch(`${servers.url}/jobs/${id}`, { method: 'DELETE' })).status).toBe(202)
  for (const response of watching) {
    expect((await eventsOf(response)).at(-1)).toEqual(['end', { outcome: 'failed', why: 'The import was cancelled' }])
  }
})

test('who goes away is not read for any more', async () => {
  const pending = async (): Promise<number> => {
    const stats = (await (await fetch(`${servers.url}/stats`)).json()) as { readonly pending: number }
    return stats.pending
  }
  const leave = new AbortController()
  // Of no job: no event would wake what reads for it.
  await watch('nobody', leave.signal)
  await eventually(async () => (await pending()) === 1, { timeout: 500 })
  leave.abort()
  await eventually(async () => (await pending()) === 0, { timeout: 900 })
})

test('a server that stops ends the response without an end, and the next one goes on', async () => {
  const id = await start({ rows: 300 })
  const response = await watch(id)
  const before = eventsOf(response)
  await servers.replaceApi()
  const seen = await before
  expect(seen.map(([name]) => name)).not.toContain('end')
  const rest = await eventsOf(await watch(id))
  expect(rest.at(-1)).toEqual(['end', { outcome: 'done' }])
  expect(steps(rest).at(0)).toBeGreaterThanOrEqual(steps(seen).at(-1) ?? 0)
  expect(steps(rest).at(-1)).toBe(300)
})

test.each([{}, { rows: 0 }, { rows: 'many' }, { rows: 1e9 }])('what is no job is refused: %j', async (job) => {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${servers.url}/jobs`, { method: 'POST', headers, body: JSON.stringify(job) })
  expect(response.status).toBe(400)
})

test('starts as a whole, and Ctrl-C ends it', async () => {
  const example = await runNode(join(__dirname, '../dist/main.js'), { env: { REDIS_URL: '', PORT: '0' } })
  try {
    const [url = ''] = /http:\S+(?= \()/.exec(await example.line('Open http')) ?? []
    expect((await fetch(url)).status).toBe(200)
    example.signal('SIGINT')
    expect([await example.exited, example.stderr]).toEqual([130, ''])
  } finally {
    await example.kill()
  }
})

test.each<[string, () => Promise<Response>, number]>([
  [
    'to start a job',
    () =>
      fetch(`${servers.url}/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"rows":1}',
      }),
    500,
  ],
  ['to cancel one', () => fetch(`${servers.url}/jobs/some`, { method: 'DELETE' }), 500],
  ['for its progress', () => watch('some'), 200],
])('while Redis is frozen a request %s is answered in time', async (_, ask, status) => {
  servers.pause()
  try {
    const whole = ask().then(async (response) => ({ status: response.status, text: await response.text() }))
    const { answer, late } = await inTime(whole, patience)
    expect([answer.status, late]).toEqual([status, false])
  } finally {
    servers.resume()
  }
})
