import { channel } from 'node:diagnostics_channel'
import { setTimeout as delay } from 'node:timers/promises'
import { context, trace } from '@opentelemetry/api'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { instrument } from '@server-events/opentelemetry'
import { eventually } from '@server-events/testing'
import { ServerEvents } from 'server-events'
import type { ServerEventsOptions } from 'server-events'
import { startRecording } from './recorded'

const recorded = startRecording()
const { tracerProvider, meterProvider } = recorded
const tracer = tracerProvider.getTracer('test')
const open: ServerEvents[] = []
const ending: (() => void)[] = []

let hub: MemoryHub

beforeEach(async () => {
  hub = new MemoryHub()
  await recorded.metrics()
  recorded.clear()
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((events) => events.close()))
  for (const end of ending.splice(0)) end()
})

function make(options?: ServerEventsOptions<Record<string, unknown[]>>): ServerEvents {
  const events = new ServerEvents(new MemoryTransport({ hub }), options) as ServerEvents
  events.onerror(() => undefined)
  open.push(events)
  return events
}

function start(events?: ServerEvents): void {
  ending.push(instrument(events, { meterProvider }))
}

/** The spans from here up, by name. */
function pathOf(name: string, id?: string): string[] {
  const path: string[] = []
  for (let it: ReturnType<typeof recorded.span> | undefined = recorded.span(name, id); it;) {
    path.push(it.name)
    const parent: string | undefined = it.parentSpanContext?.spanId
    it = recorded.spans().find((other) => other.spanContext().spanId === parent)
  }
  return path
}

test('a request, the job that it gives and the answer are one trace; who waits knows the answer by a link', async () => {
  start()
  const [api, worker] = [make(), make()]
  await worker.listen('order', async (id) => {
    await delay(5)
    await worker.emit('report', id, 'done')
  })
  await tracer.startActiveSpan('request', async (span) => {
    const wait = api.on('report', 1)
    await api.emit('order', 1)
    await wait
    span.end()
  })
  await eventually(() => recorded.spans().length === 5)
  expect(pathOf('send report')).toEqual(['send report', 'process order', 'send order', 'request'])
  expect(pathOf('receive report')).toEqual(['receive report', 'request'])
  const { links } = recorded.span('receive report')
  expect(links.map((link) => link.context.spanId)).toEqual([recorded.span('send report').spanContext().spanId])
  expect(new Set(recorded.spans().map((it) => it.spanContext().traceId)).size).toBe(1)
})

test('a kept outcome: its emitter, of another trace and another time, is a link and no parent', async () => {
  start()
  const events = make({ keep: 60_000 })
  await tracer.startActiveSpan('yesterday', async (span) => {
    await events.emit('report', 1)
    span.end()
  })
  await tracer.startActiveSpan('today', async (span) => {
    await events.on('report', 1)
    span.end()
  })
  expect(pathOf('receive report')).toEqual(['receive report', 'today'])
  expect(recorded.span('receive report').links.map(({ context: { spanId } }) => spanId)).toEqual([
    recorded.span('send report').spanContext().spanId,
  ])
  expect(recorded.span('receive report').attributes['server_events.way']).toBe('recall')
})

test('requests at once do not get into each other', async () => {
  start()
  const [api, worker] = [make({ listen: ['report'] }), make()]
  await api.init()
  await worker.listen('order', async (id) => {
    await delay(Math.random() * 20)
    await worker.emit('report', id)
  })
  const ids = Array.from({ length: 50 }, (_, n) => String(n))
  await Promise.all(
    ids.map((id) =>
      tracer.startActiveSpan(`request ${id}`, async (span) => {
        const wait = api.on('report', id)
        await api.emit('order', id)
        await wait
        // What goes on after the wait is still in the request, not in whatever answered.
        expect(trace.getSpan(context.active())).toBe(span)
        span.end()
      }),
    ),
  )
  await eventually(() => recorded.spans().length === 5 * ids.length)
  for (const id of ids) {
    expect(pathOf('send report', id)).toEqual(['send report', 'process order', 'send order', `request ${id}`])
    expect(pathOf('receive report', id)).toEqual(['receive report', `request ${id}`])
  }
})

test('two waits on one event are each below who waits', async () => {
  start()
  const events = make()
  const waits = ['a', 'b'].map((name) =>
    tracer.startActiveSpan(name, async (span) => {
      await events.on('report', 1)
      span.end()
    }),
  )
  await events.emit('report', 1)
  await Promise.all(waits)
  const parents = recorded.spans().filter(({ name }) => name === 'receive report').map((it) => it.parentSpanContext?.spanId) // prettier-ignore
  expect(new Set(parents)).toEqual(new Set(['a', 'b'].map((name) => recorded.span(name).spanContext().spanId)))
})

test('a wait ends as it ended', async () => {
  start()
  const events = make()
  const failed = events.on('report', 'failed').catch(() => undefined)
  await events.fail('report', 'failed', new Error('no'))
  await failed
  await events.on('report', 'late', 10).catch(() => undefined)
  const abort = new AbortController()
  const aborted = events.on('report', 'aborted', { signal: abort.signal }).catch(() => undefined)
  abort.abort()
  await aborted
  const closed = events.on('report', 'closed').catch(() => undefined)
  await events.close({ drain: 0 })
  await closed
  const ends = ['failed', 'late', 'aborted', 'closed'].map((id) => {
    const { status, attributes, links } = recorded.span('receive report', id)
    return [status.code, attributes['error.type'], links.length]
  })
  expect(ends).toEqual([
    [2, 'failure', 1],
    [2, 'timeout', 0],
    [2, 'aborted', 0],
    [2, 'closed', 0],
  ])
  expect(recorded.span('send report').attributes['messaging.operation.name']).toBe('fail')
})

test('an emit that fails ends with its code', async () => {
  start()
  const events = make()
  await events.init()
  hub.disconnect()
  const emit = events.emit('report', 1)
  await events.close()
  const { code } = (await emit.catch((error: unknown) => error)) as { code: string }
  const { status, attributes } = recorded.span('send report')
  expect([status.code, attributes['error.type']]).toEqual([2, code])
})

test('a listener that fails: its span and its metric say by what, and not a word of its message', async () => {
  start()
  const events = make()
  await events.listen('thrown', () => {
    throw new RangeError('secret')
  })
  await events.listen('rejected', () => Promise.reject(new TypeError('secret')))
  await events.emit('thrown', 1)
  await events.emit('rejected', 1)
  await delay(0)
  const errors = ['thrown', 'rejected'].map((name) => recorded.span(`process ${name}`).attributes['error.type'])
  expect(errors).toEqual(['RangeError', 'TypeError'])
  expect(await recorded.metrics()).toContain(
    'messaging.process.duration server_events thrown listen process RangeError 1',
  )
  expect(JSON.stringify(recorded.spans().map(({ attributes, events, status }) => [attributes, events, status]))).not.toContain('secret') // prettier-ignore
})

test('metrics, without ids', async () => {
  const events = make({ keep: { kept: 60_000 }, name: 'orders' })
  start(events)
  await events.init()
  await events.listen('order', () => undefined)
  await events.emit('order', 'one')
  await events.emit('kept', 'one')
  await events.on('kept', 'one')
  await events.on('report', 'one', 10).catch(() => undefined)
  const pending = events.on('report', 'one')
  hub.disconnect()
  hub.reconnect()
  await delay(20)
  expect(await recorded.metrics()).toEqual(
    [
      'messaging.client.consumed.messages server_events kept deliver receive orders 1',
      'messaging.client.consumed.messages server_events order deliver receive orders 1',
      'messaging.client.operation.duration server_events kept emit send orders 1',
      'messaging.client.operation.duration server_events kept on receive orders 1',
      'messaging.client.operation.duration server_events order emit send orders 1',
      'messaging.client.operation.duration server_events report on receive orders timeout 1',
      'messaging.client.sent.messages server_events kept emit send orders 1',
      'messaging.client.sent.messages server_events order emit send orders 1',
      'messaging.process.duration server_events order listen process orders 1',
      'server_events.interruptions orders inputStore 1',
      'server_events.interruptions orders outputStore 1',
      'server_events.waits.pending orders 1',
      'server_events.waits.settled orders kept recall 1',
      'server_events.waits.settled orders report timeout 1',
    ].sort(),
  )
  await events.emit('report', 'one')
  await pending
  expect(await recorded.metrics()).toContain('server_events.waits.pending orders 0')
})

test('interruptions are counted from 0 on: of a counter that begins with 1 nobody sees an increase', async () => {
  start()
  await make({ name: 'orders', listen: ['report'] }).init()
  expect(await recorded.metrics()).toEqual(
    expect.arrayContaining([
      'server_events.interruptions orders inputStore 0',
      'server_events.interruptions orders outputStore 0',
    ]),
  )
})

test('what pends is told by the name of the instance, and of all without one together', async () => {
  start()
  const instances = [make(), make(), make({ name: 'orders' }), make({ name: 'reports' })]
  const waits = instances.flatMap((events) => [events.on('report', 1), events.on('report', 2)])
  const pending = async (): Promise<string[]> => (await recorded.metrics()).filter((line) => line.includes('pending'))
  expect(await pending()).toEqual([
    'server_events.waits.pending 4',
    'server_events.waits.pending orders 2',
    'server_events.waits.pending reports 2',
  ])
  await instances[0]!.emit('report', 1)
  await Promise.all(waits.filter((_, i) => i % 2 === 0))
  expect(await pending()).toEqual([
    'server_events.waits.pending 2',
    'server_events.waits.pending orders 1',
    'server_events.waits.pending reports 1',
  ])
  await instances[0]!.emit('report', 2)
  await Promise.all(waits)
})

test('instrumented twice by two parts of a program it tells once, until both have ended it', async () => {
  const ends = [1, 2].map(() => instrument(undefined, { meterProvider }))
  const events = make()
  await events.emit('report', 1)
  ends[0]!()
  ends[0]!()
  await events.emit('report', 2)
  ends[1]!()
  await events.emit('report', 3)
  expect(recorded.spans().map(({ attributes }) => attributes['messaging.message.conversation_id'])).toEqual(['1', '2'])
  expect(await recorded.metrics()).toContain('messaging.client.sent.messages server_events report emit send 2')
})

test('one of several instances', async () => {
  const [one, other] = [make(), make()]
  start(one)
  await one.emit('mine', 1)
  await other.emit('theirs', 1)
  expect(recorded.spans().map(({ name }) => name)).toEqual(['send mine'])
})

test('once it is ended, nobody listens any more', async () => {
  const events = make()
  const end = instrument(undefined, { meterProvider })
  expect(channel('server-events:event:send').hasSubscribers).toBe(true)
  end()
  for (const name of ['event:send', 'event:emit', 'event:receive', 'wait:start', 'wait:settle', 'listener:call'])
    expect(channel(`server-events:${name}`).hasSubscribers).toBe(false)
  await events.emit('report', 1)
  expect(recorded.spans()).toEqual([])
})
