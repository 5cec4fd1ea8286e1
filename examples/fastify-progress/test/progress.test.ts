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

const watch = (id: string, signal?: AbortSignal, url = servers.url): Promise<Response> =>
  fetch(`${url}/jobs/${id}/progress`, signal ? { signal } : {})

const cancel = (id: string): Promise<Response> => fetch(`${servers.url}/jobs/${id}`, { method: 'DELETE' })

/** The events as they come, until the response ends. */
async function* read(response: Response): AsyncGenerator<Event> {
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  let blocks: string[] = []
  let rest = ''
  let first = true
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      if (first) expect(block).toBe('retry: 500')
      else {
        const [, name = '', data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? []
        yield [name, JSON.parse(data)]
      }
      first = false
    }
  }
  expect(rest).toBe('')
}

/** The events that came until the response ended. */
async function eventsOf(response: Response): Promise<Event[]> {
  const events: Event[] = []
  for await (const event of read(response)) events.push(event)
  return events
}

/** How far it was, step by step. */
const steps = (events: Event[]): number[] => events.filter(([name]) => name === 'progress').map(([, { done }]) => done)

test('each step of the worker arrives, in order, and then the end', async () => {
  const events = await eventsOf(await watch(await start({ rows: 200 })))
  expect(events.slice(-2)).toEqual([
    ['progress', { done: 200, total: 200 }],
    ['end', { outcome: 'done' }],
  ])
  // The stream begins with the latest that is kept, whichever that is by then: from there on none is left out.
  const [first = 0] = steps(events)
  expect(steps(events)).toEqual(Array.from({ length: (200 - first) / 10 + 1 }, (_, index) => first + 10 * index))
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
  // None, if it had failed before the stream was open.
  expect(steps(events).at(-1) ?? 20).toBe(20)
  expect(await eventsOf(await watch(id))).toEqual([end])
})

test('a job that falls silent is given up, not before it was silent long enough', async () => {
  const id = await start({ rows: 60, silent: 40 })
  const begin = performance.now()
  const events = await eventsOf(await watch(id))
  expect(events.at(-1)).toEqual(['end', { outcome: 'lost', why: 'Taken for lost: no step came for 4 seconds' }])
  expect(steps(events).at(-1)).toBe(30)
  expect(performance.now() - begin).toBeGreaterThanOrEqual(patience)
})

test('a cancelled job ends for all who watch', async () => {
  const id = await start({ rows: 10_000 })
  const watching = [await watch(id), await watch(id)]
  expect((await cancel(id)).status).toBe(202)
  for (const response of watching) {
    expect((await eventsOf(response)).at(-1)).toEqual(['end', { outcome: 'failed', why: 'The import was cancelled' }])
  }
})

test('who goes away is not read for any more', async () => {
  // So patient that nothing but the leaving can end the stream here.
  const url = await servers.startApi(600_000)
  const pending = async (): Promise<number> => {
    const stats = (await (await fetch(`${url}/stats`)).json()) as { readonly pending: number }
    return stats.pending
  }
  const leave = new AbortController()
  // Of no job: no event would wake what reads for it.
  await watch('nobody', leave.signal, url)
  await eventually(async () => (await pending()) === 1)
  leave.abort()
  await eventually(async () => (await pending()) === 0)
})

test('a server that stops ends the response without an end, and the next one goes on', async () => {
  // So many that none of it is over by itself.
  const id = await start({ rows: 100_000 })
  const response = await watch(id)
  const before = eventsOf(response)
  await servers.replaceApi()
  const seen = await before
  expect(seen.map(([name]) => name)).not.toContain('end')
  const rest: Event[] = []
  for await (const event of read(await watch(id))) {
    rest.push(event)
    if (rest.length === 2) await cancel(id)
  }
  expect(rest.at(-1)).toEqual(['end', { outcome: 'failed', why: 'The import was cancelled' }])
  expect(steps(rest).at(0)).toBeGreaterThanOrEqual(steps(seen).at(-1) ?? 0)
  expect(steps(rest).at(1)).toBeGreaterThan(steps(rest).at(0) as number)
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
