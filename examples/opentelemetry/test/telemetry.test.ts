import { join } from 'node:path'
import { inTime, runNode, startRedis } from '@server-events/testing'
import type { NodeProcess } from '@server-events/testing'
import type { Measured, Recorded, Report } from '../src/report'

let example: NodeProcess
let spans: readonly Recorded[]
let metrics: readonly Measured[]

beforeAll(async () => {
  example = await runNode(join(__dirname, '../dist/main.js'), { env: { REDIS_URL: '', REPORT: '1' } })
  expect([await example.exited, example.stderr]).toEqual([0, ''])
  const reports = JSON.parse(example.lines.at(-1) ?? '') as Report[]
  spans = reports.flatMap((report) => report.spans)
  metrics = reports.flatMap((report) => report.metrics)
})

afterAll(() => example.kill())

/** The spans of the trace of a request, by name. */
function trace(id: string): Record<string, Recorded> {
  const one = spans.find(({ attributes }) => attributes['messaging.message.conversation_id'] === id)
  return Object.fromEntries(spans.filter(({ traceId }) => traceId === one?.traceId).map((span) => [span.name, span]))
}

/** A span and those above it, each with its process. */
function path(tree: Record<string, Recorded>, name: string): string[] {
  const span = tree[name]
  const parent = Object.values(tree).find(({ spanId }) => spanId === span?.parentSpanId)
  return [`${name} ${span?.service ?? 'nowhere'}`, ...(parent === undefined ? [] : path(tree, parent.name))]
}

test('a request, the job that it gave to the other process and the answer are one trace', () => {
  const tree = trace('short')
  expect(path(tree, 'receive report')).toEqual(['receive report api', 'POST /reports/:id api'])
  expect(path(tree, 'send report')).toEqual([
    'send report worker',
    'process order worker',
    'send order api',
    'POST /reports/:id api',
  ])
  expect(path(tree, 'print')).toEqual(['print worker', ...path(tree, 'process order')])
  expect(Object.keys(tree)).toHaveLength(6)
  // Who waits is not below who answers, but knows it.
  expect(tree['receive report']?.links).toEqual([tree['send report']?.spanId])
})

test('each request is a trace of its own, and its waits and emits are told by their kind and id', () => {
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(3)
  const kinds = { 'POST /reports/:id': 1, 'receive report': 2, 'send order': 3, 'process order': 4, 'send report': 3 }
  for (const [name, kind] of Object.entries(kinds)) expect([name, trace('endless')[name]?.kind]).toEqual([name, kind])
  expect(trace('lost')['send order']?.attributes).toEqual({
    'messaging.system.name': 'server_events',
    'messaging.destination.name': 'order',
    'messaging.operation.name': 'emit',
    'messaging.operation.type': 'send',
    'messaging.message.conversation_id': 'lost',
  })
})

test('a failure and a timeout are errors of the wait', () => {
  const failed = spans.filter((span) => span.failed).map(({ name, attributes }) => [name, attributes['error.type']])
  expect(failed.sort()).toEqual([
    ['receive report', 'failure'],
    ['receive report', 'timeout'],
  ])
  // It was answered, if with an error; and nothing was there to link to.
  expect(trace('endless')['receive report']?.links).toEqual([trace('endless')['send report']?.spanId])
  expect(trace('lost')['receive report']?.links).toEqual([])
  expect(trace('lost')['send report']).toBeUndefined()
})

test('the metrics are those of the semantic conventions for messaging, without ids', () => {
  const keys = ['messaging.destination.name', 'messaging.operation.name', 'error.type']
  const short = metrics.map(({ service, name, unit, attributes, count }) => {
    const values = keys.filter((key) => key in attributes).map((key) => String(attributes[key]))
    return [service, name, unit, ...values, count].join(' ')
  })
  expect(short.sort()).toEqual(
    [
      'api messaging.client.consumed.messages {message} report deliver 2',
      'api messaging.client.operation.duration s order emit 3',
      'api messaging.client.operation.duration s report on 1',
      'api messaging.client.operation.duration s report on failure 1',
      'api messaging.client.operation.duration s report on timeout 1',
      'api messaging.client.sent.messages {message} order emit 3',
      'api server_events.waits.pending {wait} 0',
      'worker messaging.client.consumed.messages {message} order deliver 3',
      'worker messaging.client.operation.duration s report emit 1',
      'worker messaging.client.operation.duration s report fail 1',
      'worker messaging.client.sent.messages {message} report emit 1',
      'worker messaging.client.sent.messages {message} report fail 1',
      'worker messaging.process.duration s order listen 3',
    ].sort(),
  )
  expect(JSON.stringify(metrics)).not.toMatch(/short|endless|lost/)
})

test('durations are in seconds, of the wait as long as its timeout', () => {
  const timeout = metrics.find(({ attributes }) => attributes['error.type'] === 'timeout')
  expect(timeout?.sum).toBeGreaterThanOrEqual(0.3)
  expect(timeout?.sum).toBeLessThan(3)
})

test('it is shown as trees and tables', () => {
  const text = example.lines.join('\n')
  expect(text).toMatch(/ {2}POST \/reports\/:id +api +server +[\d.]+ ms\n {4}/)
  expect(text).toMatch(/ {4}send order +api +producer +[\d.]+ ms\n {6}process order +worker +consumer +[\d.]+ ms\n/)
  expect(text).toMatch(/ {4}receive report +api +client +3\d\d\.\d ms {2}timeout/)
  expect(text).toContain('worker  messaging.process.duration s: 3, mean ')
})

test('while Redis is frozen a request is answered in time', async () => {
  const redis = await startRedis()
  const api = await runNode(join(__dirname, '../dist/api.js'), { env: { REDIS_URL: redis.url } })
  const url = /http:\S+/.exec(await api.line('listening'))?.[0] ?? ''
  redis.pause()
  // The timeout of a wait, as src/api.ts has it.
  const { answer, late } = await inTime(fetch(`${url}/reports/frozen?pages=1`, { method: 'POST' }), 300)
  expect([answer.status, late]).toEqual([504, false])
  await api.kill()
  await redis.stop()
})
