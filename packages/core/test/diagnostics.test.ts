import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Diagnostics } from 'server-events'
import { channels } from '../src/observe/diagnostics'
import { rejection, settle, start } from './support/harness'
import type { Started } from './support/harness'
import { eventOf } from './support/scripted-transport'

type Name = keyof Diagnostics

const key = { name: 'report', id: '1' }
const names = Object.values(channels).map((channel) => (channel as unknown as { name: Name }).name)
const secret = 'hunter2'

const listening: (() => void)[] = []
afterEach(() => {
  for (const stop of listening.splice(0)) stop()
})

/** What is published from here on, in order; which instance it was is asked for below. */
function hear(...wanted: Name[]): [name: Name, message: any][] {
  const heard: [Name, any][] = []
  for (const name of wanted.length > 0 ? wanted : names) {
    const listener = (message: unknown): void => {
      const { instance, ...rest } = message as { instance: unknown }
      heard.push([name, typeof instance === 'number' ? rest : { instance, ...rest }])
    }
    subscribe(name, listener)
    listening.push(() => unsubscribe(name, listener))
  }
  return heard
}

const anyDuration = expect.any(Number)
const anyWait = expect.any(Number)

/** A store that keeps, and headers. */
const traced = (): Started =>
  start({ keeper: true }, { keep: { kept: 60_000 }, headers: (name, id) => ({ traceparent: `${name} ${id}` }) })

test('a wait: started and settled, by its way, with its duration', async () => {
  const heard = hear('server-events:wait:start', 'server-events:wait:settle')
  const { events, transport } = start({ keeper: true }, { keep: { kept: 60_000 } })
  await events.listen('report')
  const wait = events.on('report', 1, 5000)
  await new Promise((resolve) => setTimeout(resolve, 30))
  transport.deliver(key, [secret])
  await wait
  transport.keep({ name: 'kept', id: '2' }, eventOf([secret]))
  await events.on('kept', 2)
  const failed = rejection(events.on('report', 3))
  transport.deliverFailure({ name: 'report', id: '3' }, { name: 'Error', message: 'no' })
  await failed
  expect(heard).toEqual([
    ['server-events:wait:start', { name: 'report', id: '1', wait: anyWait, timeout: 5000 }],
    ['server-events:wait:settle', { name: 'report', id: '1', wait: anyWait, way: 'event', duration: anyDuration }],
    ['server-events:wait:start', { name: 'kept', id: '2', wait: anyWait, timeout: 10_000 }],
    ['server-events:wait:settle', { name: 'kept', id: '2', wait: anyWait, way: 'recall', duration: anyDuration }],
    ['server-events:wait:start', { name: 'report', id: '3', wait: anyWait, timeout: 10_000 }],
    ['server-events:wait:settle', { name: 'report', id: '3', wait: anyWait, way: 'failure', duration: anyDuration }],
  ])
  const [, [, { duration }]] = heard as any
  expect(duration).toBeGreaterThan(28)
  expect(duration).toBeLessThan(1000)
})

test('a wait that was refused before it was registered is none', async () => {
  const heard = hear('server-events:wait:start', 'server-events:wait:settle')
  const { events } = start({}, { maxPending: 1 })
  await rejection(events.on('', 1))
  await rejection(events.on('report', 1, { signal: AbortSignal.abort() }))
  void events.on('report', 1)
  await rejection(events.on('report', 1))
  expect(heard.map(([name]) => name)).toEqual(['server-events:wait:start'])
})

test('the duration of a wait that began before anybody listened is known to the ms', async () => {
  const { events, transport } = start()
  const wait = events.on('report', 1)
  await new Promise((resolve) => setTimeout(resolve, 30))
  const heard = hear('server-events:wait:settle')
  transport.deliver(key, [])
  await wait
  expect(heard[0]![1].duration).toBeGreaterThan(26)
})

test('a duration is no whole number of ms', async () => {
  const { events, transport } = start()
  await events.listen('report')
  const heard = hear('server-events:wait:settle')
  for (let n = 0; n < 20; n++) {
    const wait = events.on('report', 1)
    transport.deliver(key, [])
    await wait
  }
  for (const [, { duration }] of heard) expect(duration).toBeGreaterThan(0)
})

test('a timeout: with the numbers of its TimeoutError, and as a way to settle', async () => {
  const heard = hear('server-events:wait:timeout', 'server-events:wait:settle')
  const { events } = start()
  // What it takes to stand would count as disconnected.
  await events.listen('report')
  await rejection(events.on('report', 1, 20))
  await rejection(events.stream('report', 1, { timeout: 20 }).next())
  const details = { timeout: 20, subscribed: true, disconnected: 0, recalled: 'never' }
  expect(heard).toEqual([
    ['server-events:wait:timeout', { name: 'report', id: '1', ...details }],
    ['server-events:wait:settle', { name: 'report', id: '1', wait: anyWait, way: 'timeout', duration: anyDuration }],
  ])
  expect(heard[1]![1].duration).toBeGreaterThanOrEqual(20)
})

test('a stream: started and ended, with how many events it got', async () => {
  const heard = hear('server-events:stream:start', 'server-events:stream:end')
  const { events, transport } = start()
  const stream = events.stream('report', 1, { until: (n) => n === 2, timeout: 500 })
  const broken = events.stream('report', 1)
  await stream.ready
  for (const n of [1, 2, 3]) transport.deliver(key, [n])
  await broken.return()
  expect(heard).toEqual([
    ['server-events:stream:start', { name: 'report', id: '1', timeout: 500 }],
    ['server-events:stream:start', { name: 'report', id: '1', timeout: 10_000 }],
    ['server-events:stream:end', { name: 'report', id: '1', way: 'until', duration: anyDuration, events: 2 }],
    ['server-events:stream:end', { name: 'report', id: '1', way: 'returned', duration: anyDuration, events: 3 }],
  ])
})

test('an emit and a fail: when they have settled, with their headers, size and error', async () => {
  const heard = hear('server-events:event:emit')
  const { events, transport } = traced()
  await events.emit('kept', 1, 'ü')
  await events.fail('report', 2, new Error(secret))
  transport.publishes.manual = true
  const emit = rejection(events.emit('report', 3))
  transport.publishes.last.reject(Object.assign(new Error('no'), { code: 'ERR_FORBIDDEN' }))
  const error = await emit
  const shared = { duration: anyDuration, error: undefined }
  const headers = (name: string, id: string): object => ({ headers: { traceparent: `${name} ${id}` } })
  const [kept, failure, refused] = heard.map(([, message]) => message)
  expect(kept).toEqual({
    name: 'kept',
    id: '1',
    kind: 'event',
    bytes: 6,
    kept: true,
    ...headers('kept', '1'),
    ...shared,
  })
  expect(failure).toMatchObject({ name: 'report', id: '2', kind: 'failure', kept: false, ...headers('report', '2') })
  expect(refused).toMatchObject({ id: '3', error: { code: 'ERR_FORBIDDEN', message: error.message } })
})

test('an event that is received: with the headers of its emitter, before anybody gets it', async () => {
  const { events, transport } = traced()
  const order: string[] = []
  await events.listen('report', () => order.push('listener'))
  const stream = events.stream('report', 1)
  const waits = [events.on('report', 1), events.on('report', 1)]
  const heard = hear('server-events:event:receive', 'server-events:wait:settle')
  const note = (): void => void order.push('received')
  subscribe('server-events:event:receive', note)
  await events.emit('report', 1, secret)
  await Promise.all([...waits, stream.next()])
  unsubscribe('server-events:event:receive', note)
  expect(order).toEqual(['received', 'listener'])
  expect(heard[0]).toEqual([
    'server-events:event:receive',
    {
      ...{ name: 'report', id: '1', kind: 'event', bytes: 11, kept: false, way: 'event' },
      ...{ headers: { traceparent: 'report 1' }, waits: 2, streams: 1, listeners: 1 },
    },
  ])
  // For nobody.
  heard.length = 0
  transport.deliverFailure({ name: 'report', id: 'nobody' }, { name: 'Error', message: '' })
  expect(heard).toEqual([])
})

test('a kept event that is recalled carries the headers of its emitter too', async () => {
  const { events } = traced()
  await events.emit('kept', 1, secret)
  const heard = hear('server-events:event:receive')
  await events.on('kept', 1)
  expect(heard).toHaveLength(1)
  expect(heard[0]![1]).toMatchObject({ way: 'recall', headers: { traceparent: 'kept 1' }, waits: 1, listeners: 0 })
})

test('an event that is dropped: each time, whether the codec or the transport cannot read it', async () => {
  const heard = hear('server-events:event:drop')
  const { transport, events, told } = start()
  await events.listen('report', () => {})
  for (let times = 0; times < 2; times++) transport.receiver.deliver(key, { kind: 'event', body: `{${secret}` })
  transport.error('outputStore', Object.assign(new Error('a frame'), { code: 'ERR_SERIALIZATION' }))
  const dropped = { name: 'report', id: '1', error: expect.objectContaining({ code: 'ERR_SERIALIZATION' }) }
  expect(heard.map(([, message]) => message)).toEqual([
    dropped,
    dropped,
    { ...dropped, name: undefined, id: undefined },
  ])
  expect(told).toHaveLength(2)
})

test('a store: up and down, with why; and a topic that is lost', async () => {
  const heard = hear('server-events:store:up', 'server-events:store:down', 'server-events:topic:lost')
  const { events, transport } = start()
  await events.listen('report')
  transport.down('outputStore', Object.assign(new Error('cut'), { code: 'ERR_CONNECTION' }))
  transport.up('outputStore')
  transport.lost({ name: 'report' }, Object.assign(new Error('no'), { code: 'ERR_FORBIDDEN' }))
  expect(heard).toEqual([
    ['server-events:store:up', { store: 'outputStore' }],
    ['server-events:store:down', { store: 'outputStore', error: expect.objectContaining({ code: 'ERR_CONNECTION' }) }],
    ['server-events:store:up', { store: 'outputStore' }],
    [
      'server-events:topic:lost',
      { name: 'report', id: undefined, error: expect.objectContaining({ code: 'ERR_FORBIDDEN' }) },
    ],
  ])
})

test('an error of a client library is not passed on in a message', async () => {
  const heard = hear('server-events:store:down', 'server-events:topic:lost')
  const { events, transport } = start()
  await events.listen('report')
  transport.down('outputStore', new Error(secret))
  transport.lost({ name: 'report' }, new Error(secret))
  expect(heard).toHaveLength(2)
  for (const [, { error }] of heard) expect(error.message).not.toContain(secret)
})

/** Every channel published to, in one go. */
async function exerciseAll(): Promise<Started> {
  const started = traced()
  const { events, transport } = started
  await events.listen('report', () => {
    throw new Error('broken')
  })
  const stream = events.stream('report', 1)
  await events.emit('report', 1, secret)
  await rejection(events.on('report', 2, 1))
  await stream.return()
  transport.receiver.deliver(key, { kind: 'event', body: secret })
  transport.down('outputStore')
  transport.lost({ name: 'report' }, new Error('no'))
  await settle()
  return started
}

test('no message has a payload', async () => {
  const heard = hear()
  await exerciseAll()
  expect(new Set(heard.map(([name]) => name))).toEqual(new Set(names))
  expect(JSON.stringify(heard)).not.toContain(secret)
})

test('the README tells every channel, and every field of its messages', async () => {
  const heard = hear()
  await exerciseAll()
  const fields = new Map(heard.map(([name, message]) => [name as string, Object.keys(message).sort()]))
  const readme = readFileSync(join(__dirname, '../README.md'), 'utf8')
  const rows = readme.split('\n').filter((line) => line.startsWith('| `server-events:'))
  const documented = rows.map((row) => {
    const [, name = '', , told = ''] = row.split('|')
    const inTicks = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word!)
    return [inTicks(name)[0], inTicks(told).sort()]
  })
  expect(documented).toEqual(names.map((name) => [name, fields.get(name)]))
})

test('two instances are told apart: by option name, or else by a number of their own', async () => {
  const seen: [string, unknown][] = []
  for (const name of names) {
    const listener = (message: unknown): void => void seen.push([name, (message as { instance: unknown }).instance])
    subscribe(name, listener)
    listening.push(() => unsubscribe(name, listener))
  }
  const { events } = await exerciseAll()
  expect(new Set(seen.map(([name]) => name))).toEqual(new Set(names))
  expect(new Set(seen.map(([, instance]) => instance))).toEqual(new Set([events.instance]))
  expect(start().events.instance).not.toBe(events.instance)

  seen.length = 0
  const named = start({}, { name: 'orders' })
  await named.events.emit('report', 1)
  expect([named.events.instance, new Set(seen.map(([, instance]) => instance))]).toEqual([
    'orders',
    new Set(['orders']),
  ])
})

test.each([[''], [5], [{}]])('option name %j is refused', (name) => {
  expect(() => start({}, { name } as object)).toThrow('option name must be a string that is not empty')
})

test('which of several waits on one event it is: the same number at its start and its end', async () => {
  const heard = hear('server-events:wait:start', 'server-events:wait:settle')
  const { events, transport } = start()
  const [long, short] = [events.on('report', 1), events.on('report', 1, 20)]
  await rejection(short)
  transport.deliver(key, [])
  await long
  const [first, second, ...ends] = heard.map(([, message]) => message.wait as number)
  expect([typeof first, first === second, ends]).toEqual(['number', false, [second, first]])
})

test('what a subscriber puts into the headers of an emit travels along, beside those of the option', async () => {
  const sent: object[] = []
  const add = (message: unknown): void => {
    const { kind, headers } = message as Diagnostics['server-events:event:send']
    Object.assign(headers, { kind, broken: 5 })
    sent.push(headers)
  }
  subscribe('server-events:event:send', add)
  listening.push(() => unsubscribe('server-events:event:send', add))
  const heard = hear('server-events:event:receive', 'server-events:event:emit')
  const { events } = traced()
  await events.listen('report', () => {})
  await events.emit('report', 1)
  await events.fail('report', 2, new Error('no'))
  const settled = heard
    .filter(([name]) => name === 'server-events:event:emit')
    .map(([, { headers }]) => headers as object)
  expect(settled).toEqual([
    { traceparent: 'report 1', kind: 'event' },
    { traceparent: 'report 2', kind: 'failure' },
  ])
  // The same object, so that a subscriber knows it again.
  expect(settled.map((headers, n) => headers === sent[n])).toEqual([true, true])
  expect(heard.find(([name]) => name === 'server-events:event:receive')![1].headers).toEqual(settled[0])
})

test('a subscriber may put a function around each call of a listener', async () => {
  const order: string[] = []
  const around = (message: unknown): void => {
    const told = message as Diagnostics['server-events:listener:call']
    const { call } = told
    told.call = () => {
      order.push(`before ${told.name} ${told.id} ${told.headers?.['traceparent']}`)
      const result = call()
      order.push('after')
      return result
    }
  }
  subscribe('server-events:listener:call', around)
  listening.push(() => unsubscribe('server-events:listener:call', around))
  const { events } = traced()
  await events.listen('report', (id, text) => void order.push(`${id} ${text}`))
  await events.emit('report', 1, 'done')
  await settle()
  expect(order).toEqual(['before report 1 report 1', '1 done', 'after'])
})

test('a listener that fails, whether it throws or rejects', async () => {
  const heard = hear('server-events:listener:error')
  const { events, transport } = start()
  await events.listen('report', (id) => {
    if (id === '1') throw new RangeError('thrown')
    return Promise.reject(new TypeError('rejected'))
  })
  transport.deliver(key, [])
  transport.deliver({ name: 'report', id: '2' }, [])
  await settle()
  expect(heard.map(([, message]) => message)).toEqual([
    { name: 'report', id: '1', error: new RangeError('thrown') },
    { name: 'report', id: '2', error: new TypeError('rejected') },
  ])
})
