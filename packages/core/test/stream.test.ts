import { getEventListeners } from 'node:events'
import type { EventStream } from 'server-events'
import { runChild } from './support/child'
import { rejection, settle, start, startUnheard, watch } from './support/harness'
import type { Started } from './support/harness'
import { eventOf, failureOf } from './support/scripted-transport'

const key = (id: number | string): { name: string; id: string } => ({ name: 'report', id: String(id) })
const done = { value: undefined, done: true }
const item = (...value: unknown[]): object => ({ value, done: false })

/** Everything up to the end, and what the end was. */
async function readAll(stream: EventStream<unknown[]>): Promise<{ items: unknown[][]; error: any }> {
  const items: unknown[][] = []
  try {
    for await (const args of stream) items.push(args)
    return { items, error: undefined }
  } catch (error) {
    return { items, error }
  }
}

async function pass(ms: number): Promise<void> {
  jest.advanceTimersByTime(ms)
  await settle()
}

describe('a stream', () => {
  test.each(['name', 'id'] as const)(
    'subscribes at the call, and ready says that it stands (routing %s)',
    async (r) => {
      const { events, transport } = start({ routing: r, manual: ['subscribe'] })
      const stream = events.stream('report', 1)
      const ready = watch(stream.ready)
      await settle()
      expect(transport.log).toEqual([r === 'name' ? 'subscribe report' : 'subscribe report:1'])
      expect(ready.state).toBe('pending')
      transport.subscribes.last.answer()
      await settle()
      expect(ready.state).toBe('resolved')
      await events.stream('report', 1).ready
    },
  )

  test('yields the events of its name and id, in order, and no others', async () => {
    const { events, transport } = start()
    const stream = events.stream('report', 1, { until: (_, last) => last === true })
    await stream.ready
    transport.deliver(key(1), ['a'])
    transport.deliver(key(2), ['of another id'])
    transport.deliver({ name: 'other', id: '1' }, ['of another name'])
    transport.deliver(key(1), ['b', false])
    transport.deliver(key(1), ['c', true])
    transport.deliver(key(1), ['after the last'])
    expect(await readAll(stream)).toEqual({ items: [['a'], ['b', false], ['c', true]], error: undefined })
    expect(events.stats()).toMatchObject({ pending: 0 })
    expect(await stream.next()).toEqual(done)
  })

  test('serves concurrent calls of next in order, and ends all that wait', async () => {
    const { events, transport } = start()
    const stream = events.stream('report', 1)
    await stream.ready
    const calls = Array.from({ length: 4 }, () => stream.next())
    transport.deliver(key(1), ['a'])
    transport.deliver(key(1), ['b'])
    expect(await Promise.all(calls.slice(0, 2))).toEqual([item('a'), item('b')])
    expect(await stream.return()).toEqual(done)
    expect(await Promise.all(calls.slice(2))).toEqual([done, done])
  })

  test('shares nothing with waits, listeners and other streams', async () => {
    const { events, transport } = start()
    const heard: any[] = []
    await events.listen('report', (_, arg) => heard.push(arg))
    const streams = [events.stream('report', 1), events.stream('report', 1)]
    const wait = events.on('report', 1)
    transport.deliver(key(1), [{ n: 1 }])
    const got = [
      ...(await Promise.all(streams.map(async (stream) => (await stream.next()).value![0]))),
      (await wait)[0],
    ]
    for (const arg of got) arg.n++
    expect([...got, ...heard].map(({ n }) => n)).toEqual([2, 2, 2, 1])
  })

  test('gets an event after the waits and before the listeners', async () => {
    const { events, transport } = start()
    const order: string[] = []
    await events.listen('report', () => order.push('listener'))
    const stream = events.stream('report', 1, {
      until: () => {
        order.push(`stream, with ${events.stats().settled.event} waits settled`)
        return false
      },
    })
    void events.on('report', 1)
    await stream.ready
    transport.deliver(key(1), [])
    expect(order).toEqual(['stream, with 1 waits settled', 'listener'])
  })

  test('wants the messages of its id', async () => {
    const { events, transport } = start()
    const stream = events.stream('report', 1)
    expect([transport.receiver.wants(key(1)), transport.receiver.wants(key(2))]).toEqual([true, false])
    await stream.return()
    expect(transport.receiver.wants(key(1))).toBe(false)
  })

  test('holds an emit back that comes before its subscription stands', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    const stream = events.stream('report', 1)
    void events.emit('report', 1, 'a')
    await settle()
    expect(transport.publishes.count).toBe(0)
    transport.subscribes.last.answer()
    expect(await stream.next()).toEqual(item('a'))
  })

  test('what cannot be read is reported once and dropped, and the stream goes on', async () => {
    const { events, transport, told } = start()
    const stream = events.stream('report', 1)
    await stream.ready
    for (const body of ['{', '{', '["a"]']) transport.receiver.deliver(key(1), { kind: 'event', body })
    expect(await stream.next()).toEqual(item('a'))
    expect(told.map(({ error }) => error.code)).toEqual(['ERR_SERIALIZATION'])
  })
})

describe('a stream ends', () => {
  test.each(['name', 'id'] as const)('by break, which unsubscribes (routing %s)', async (routing) => {
    jest.useFakeTimers()
    const { events, transport } = start({ routing })
    const stream = events.stream('report', 1)
    await stream.ready
    transport.deliver(key(1), ['a'])
    transport.deliver(key(1), ['unread'])
    for await (const args of stream) {
      expect(args).toEqual(['a'])
      break
    }
    expect(events.stats()).toMatchObject({ pending: 0 })
    expect(await stream.next()).toEqual(done)
    await pass(30_000)
    expect(events.stats().names).toBe(0)
    expect(transport.log.at(-1)).toBe(routing === 'name' ? 'unsubscribe report' : 'unsubscribe report:1')
    expect(jest.getTimerCount()).toBe(0)
  })

  test('by await using, and by return before it stands: ready then resolves', async () => {
    const { events } = start({ manual: ['subscribe'] })
    const stream = events.stream('report', 1)
    await stream[Symbol.asyncDispose]()
    expect(events.stats().pending).toBe(0)
    await stream.ready
  })

  test('by fail, with RemoteError once, after what arrived before', async () => {
    const { events, transport } = start()
    const stream = events.stream('report', 1)
    await stream.ready
    transport.deliver(key(1), ['a'])
    transport.deliverFailure(key(1), { name: 'RangeError', message: 'no disk', data: 7 })
    transport.deliver(key(1), ['after'])
    const { items, error } = await readAll(stream)
    expect(items).toEqual([['a']])
    expect(error).toMatchObject({ code: 'ERR_REMOTE', remoteName: 'RangeError', message: 'no disk', data: 7 })
    expect(await stream.next()).toEqual(done)
    expect(events.stats()).toMatchObject({ pending: 0, settled: { failure: 0 } })
  })

  test('after its timeout without an event: each event starts the time anew', async () => {
    jest.useFakeTimers()
    const { events, transport } = start()
    const stream = events.stream('report', 1, { timeout: 1000 })
    const read = watch(readAll(stream))
    await settle()
    for (const n of [1, 2, 3]) {
      await pass(999)
      transport.deliver(key(1), [n])
    }
    await pass(999)
    expect(read.state).toBe('pending')
    await pass(1)
    expect(read.value.items).toEqual([[1], [2], [3]])
    expect(read.value.error).toMatchObject({ code: 'ERR_TIMEOUT', event: 'report', id: '1', timeout: 1000 })
    expect(read.value.error).toMatchObject({ subscribed: true, disconnected: 0, recalled: 'never' })
    expect(jest.getTimerCount()).toBeLessThanOrEqual(1)
  })

  test('after its timeout by real timers too, and by default that of the instance', async () => {
    const { events, transport } = start({}, { timeout: 120 })
    const others = Array.from({ length: 20 }, (_, id) => events.on('report', `other ${id}`, 60_000))
    const stream = events.stream('report', 1)
    await stream.ready
    // A machine that stalls may end it sooner, but never within 120 ms of an event.
    let last = 0
    const timer = setInterval(() => {
      last = performance.now()
      transport.deliver(key(1), [])
    }, 40)
    setTimeout(() => clearInterval(timer), 300)
    const { items, error } = await readAll(stream)
    clearInterval(timer)
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', timeout: 120 })
    expect(items.length).toBeGreaterThan(0)
    expect(performance.now() - last).toBeGreaterThanOrEqual(119)
    expect(events.stats().pending).toBe(others.length)
  })

  test('by its signal: at once, with the reason, without what is unread; nothing of it stays', async () => {
    const { events, transport } = start()
    const controller = new AbortController()
    const stream = events.stream('report', 1, { signal: controller.signal })
    await stream.ready
    transport.deliver(key(1), ['unread'])
    controller.abort('enough')
    expect(await rejection(stream.next())).toBe('enough')
    expect(await stream.next()).toEqual(done)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    expect(events.stats().pending).toBe(0)
  })

  test('when more is unread than its buffer holds: what arrived before is read, and the rest is told, not lost', async () => {
    const { events, transport } = start()
    const stream = events.stream('report', 1, { buffer: 3 })
    await stream.ready
    for (let n = 0; n < 5; n++) transport.deliver(key(1), [n])
    const { items, error } = await readAll(stream)
    expect(items).toEqual([[0], [1], [2]])
    expect(error).toMatchObject({ code: 'ERR_OVERFLOW', message: expect.stringContaining('3 unread events') })
    expect(events.stats().pending).toBe(0)
  })

  test('holds 1,024 by default, and any number that is read in time', async () => {
    const { events, transport } = start()
    const stream = events.stream('report', 1)
    await stream.ready
    let read = 0
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 1024; n++) transport.deliver(key(1), [round * 1024 + n])
      for (let n = 0; n < 1024; n++) expect((await stream.next()).value).toEqual([read++])
    }
    for (let n = 0; n < 1025; n++) transport.deliver(key(1), [n])
    const { items, error } = await readAll(stream)
    expect([items.length, error.code]).toEqual([1024, 'ERR_OVERFLOW'])
  })

  test('with what until throws, after the event; an async until is refused', async () => {
    const { events, transport } = start()
    const error = new Error('of until')
    const until = (): boolean => {
      throw error
    }
    const throwing = events.stream('report', 1, { until })
    const asynchronous = events.stream('report', 1, { until: (() => Promise.reject(error)) as never })
    const going = events.stream('report', 1)
    await going.ready
    transport.deliver(key(1), ['a'])
    expect(await readAll(throwing)).toEqual({ items: [['a']], error })
    expect(await readAll(asynchronous)).toMatchObject({ items: [['a']], error: { code: 'ERR_INVALID_ARGUMENT' } })
    expect(await going.next()).toEqual(item('a'))
  })

  test('from within until, its own or that of another', async () => {
    const { events, transport } = start()
    const second: EventStream<any[]>[] = []
    const first: EventStream<any[]> = events.stream('report', 1, {
      until: () => {
        void second[0]!.return()
        void first.return()
        return false
      },
    })
    second.push(events.stream('report', 1))
    await first.ready
    transport.deliver(key(1), ['a'])
    expect(await Promise.all([first.next(), second[0]!.next()])).toEqual([done, done])
    expect(events.stats().pending).toBe(0)
  })

  test('when the broker refuses its subscription, and when that is lost', async () => {
    const forbidden = (): Error => Object.assign(new Error('no'), { code: 'ERR_FORBIDDEN', channel: 'c' })
    const { events, transport } = start({ manual: ['subscribe'] })
    const stream = events.stream('report', 1)
    await settle()
    transport.subscribes.last.reject(forbidden())
    expect(await rejection(stream.ready)).toMatchObject({ code: 'ERR_FORBIDDEN', channel: 'c' })
    expect(await rejection(stream.next())).toMatchObject({ code: 'ERR_FORBIDDEN', channel: 'c' })
    transport.subscribes.manual = false
    const lost = events.stream('report', 1)
    await lost.ready
    transport.lost({ name: 'report' }, forbidden())
    expect(await rejection(lost.next())).toMatchObject({ code: 'ERR_FORBIDDEN' })
    expect(events.stats().pending).toBe(0)
  })
})

describe('a stream that is refused', () => {
  const cases: [string, (started: Started) => EventStream<any[]>, unknown][] = [
    ['a bad name', ({ events }) => events.stream('', 1), { code: 'ERR_INVALID_ARGUMENT' }],
    ['a bad id', ({ events }) => events.stream('report', NaN), { code: 'ERR_INVALID_ARGUMENT' }],
    [
      'an unknown option',
      ({ events }) => events.stream('a', 1, { size: 1 } as never),
      { code: 'ERR_INVALID_ARGUMENT' },
    ],
    ['options that are none', ({ events }) => events.stream('a', 1, null as never), { code: 'ERR_INVALID_ARGUMENT' }],
    ['a bad timeout', ({ events }) => events.stream('a', 1, { timeout: 0 }), { code: 'ERR_INVALID_ARGUMENT' }],
    ['a bad buffer', ({ events }) => events.stream('a', 1, { buffer: 0 }), { code: 'ERR_INVALID_ARGUMENT' }],
    ['a bad until', ({ events }) => events.stream('a', 1, { until: 1 as never }), { code: 'ERR_INVALID_ARGUMENT' }],
    ['an aborted signal', ({ events }) => events.stream('a', 1, { signal: AbortSignal.abort(7) }), 7],
    [
      'one over maxPending',
      ({ events }) => {
        void events.on('report', 1)
        void events.stream('report', 1)
        return events.stream('report', 1)
      },
      { code: 'ERR_TOO_MANY_WAITS' },
    ],
    [
      'one on a closing instance',
      ({ events }) => {
        void events.close()
        return events.stream('report', 1)
      },
      { code: 'ERR_CLOSED' },
    ],
  ]
  test.each(cases)('%s: throws nothing, rejects ready and the first next', async (_, ask, expected) => {
    const started = start({}, { maxPending: 2 })
    const stream = ask(started)
    const errors = [await rejection(stream.ready), await rejection(stream.next())]
    for (const error of errors) {
      if (typeof expected === 'object') expect(error).toMatchObject(expected!)
      else expect(error).toBe(expected)
    }
    expect(await stream.next()).toEqual(done)
    expect(await stream.return()).toEqual(done)
  })
})

describe('close', () => {
  test('ends streams with ClosedError, after what they have', async () => {
    const { events, transport } = start()
    const stream = events.stream('report', 1)
    await stream.ready
    transport.deliver(key(1), ['a'])
    await events.close()
    expect(await readAll(stream)).toMatchObject({ items: [['a']], error: { code: 'ERR_CLOSED' } })
  })

  test('drains: waits for them to end while events still come', async () => {
    const { events, transport } = start()
    const stream = events.stream('report', 1, { until: (last) => last === true })
    await stream.ready
    const closing = events.close({ drain: 60_000 })
    const closed = watch(closing)
    transport.deliver(key(1), [false])
    await settle()
    expect(closed.state).toBe('pending')
    transport.deliver(key(1), [true])
    expect(await readAll(stream)).toEqual({ items: [[false], [true]], error: undefined })
    await closing
  })
})

describe('a stream of a kept name', () => {
  const kept = (more: object = {}): Started => start({ keeper: true, ...more }, { keep: 60_000 })

  test('begins with the latest kept item, which it gets only once', async () => {
    const { events, transport } = kept()
    transport.keep(key(1), eventOf(['kept']))
    const stream = events.stream('report', 1)
    expect(await stream.next()).toEqual(item('kept'))
    transport.deliver(key(1), ['live'])
    transport.deliver(key(1), ['live'])
    expect([await stream.next(), await stream.next()]).toEqual([item('live'), item('live')])
  })

  test('does not look with recall: false', async () => {
    const { events, transport } = kept()
    transport.keep(key(1), eventOf(['kept']))
    const stream = events.stream('report', 1, { recall: false })
    await stream.ready
    await settle()
    expect(transport.recalls.count).toBe(0)
    const other = events.stream('report', 1)
    expect(await other.next()).toEqual(item('kept'))
    transport.deliver(key(1), ['live'])
    expect([await stream.next(), await other.next()]).toEqual([item('live'), item('live')])
  })

  test.each([
    ['text', eventOf(['kept'])],
    ['bytes', { kind: 'event', body: new TextEncoder().encode('["kept"]') } as const],
  ])('gets the latest item after an interruption, unless it has it already (%s)', async (_, message) => {
    jest.useFakeTimers()
    const { events, transport } = kept()
    const stream = events.stream('report', 1, { timeout: 60_000 })
    await settle()
    transport.receiver.deliver(key(1), message)
    transport.keep(key(1), { ...message, body: typeof message.body === 'string' ? message.body : message.body.slice() })
    transport.down('outputStore')
    transport.up('outputStore')
    await pass(250)
    expect(transport.recalls.count).toBe(2)
    transport.down('outputStore')
    for (const between of ['lost', 'latest']) transport.keep(key(1), eventOf([between]))
    transport.up('outputStore')
    await pass(250)
    expect([await stream.next(), await stream.next()]).toEqual([item('kept'), item('latest')])
    const nothing = watch(stream.next())
    await settle()
    expect(nothing.state).toBe('pending')
  })

  test('an answer of the store does not bring what is older than an event that came meanwhile', async () => {
    const { events, transport } = kept({ manual: ['recall'] })
    const stream = events.stream('report', 1)
    await settle()
    transport.deliver(key(1), ['newer'])
    transport.recalls.last.resolve([eventOf(['older'])])
    await settle()
    transport.deliver(key(1), ['last'])
    expect([await stream.next(), await stream.next()]).toEqual([item('newer'), item('last')])
  })

  test('nor does one that is overtaken by the answer to a later question', async () => {
    jest.useFakeTimers()
    const { events, transport } = kept({ manual: ['recall'] })
    const stream = events.stream('report', 1, { timeout: 60_000 })
    await settle()
    transport.down('outputStore')
    transport.up('outputStore')
    await pass(250)
    const [first, second] = transport.recalls.calls
    second!.resolve([eventOf(['newer'])])
    await settle()
    first!.resolve([eventOf(['older'])])
    await settle()
    expect(await stream.next()).toEqual(item('newer'))
    const nothing = watch(stream.next())
    await settle()
    expect(nothing.state).toBe('pending')
  })

  test('a kept failure ends it, and a refused look too', async () => {
    const { events, transport } = kept()
    transport.keep(key(1), failureOf({ name: 'Error', message: 'no' }))
    expect(await rejection(events.stream('report', 1).next())).toMatchObject({ code: 'ERR_REMOTE' })
    transport.recalls.manual = true
    const refused = events.stream('report', 2)
    await settle()
    transport.recalls.last.resolve([Object.assign(new Error('no'), { code: 'ERR_FORBIDDEN' })])
    expect(await rejection(refused.next())).toMatchObject({ code: 'ERR_FORBIDDEN' })
  })

  test('is looked up by the backstop, and once more before its timeout, which an item found there starts anew', async () => {
    jest.useFakeTimers()
    const started = start({ keeper: true }, { keep: 60_000, backstop: 4000 })
    const { events, transport } = started
    const stream = events.stream('report', 1, { timeout: 10_000 })
    await settle()
    transport.keep(key(1), eventOf(['by the backstop']))
    await pass(4600)
    expect(await stream.next()).toEqual(item('by the backstop'))
    await pass(9000)
    const end = watch(stream.next())
    await pass(1000)
    expect(end.value).toMatchObject({ code: 'ERR_TIMEOUT', recalled: 'answered' })

    const last = start({ keeper: true }, { keep: 60_000 })
    const late = last.events.stream('report', 1, { timeout: 1000 })
    await settle()
    last.transport.keep(key(1), eventOf(['by the last look']))
    await pass(900)
    expect(await late.next()).toEqual(item('by the last look'))
    const timeout = watch(late.next())
    await pass(999)
    expect(timeout.state).toBe('pending')
    await pass(1)
    expect(timeout.value).toMatchObject({ code: 'ERR_TIMEOUT' })
  })
})

test('the numbers of a timeout are those since the last event', async () => {
  jest.useFakeTimers()
  const { events, transport } = start({ keeper: true }, { keep: 60_000 })
  const stream = events.stream('report', 1, { timeout: 50 })
  await settle()
  transport.deliver(key(1), [])
  await stream.next()
  const end = watch(stream.next())
  await pass(50)
  expect(end.value).toMatchObject({ code: 'ERR_TIMEOUT', subscribed: true, recalled: 'never' })
})

test('a stream that is read for long holds nothing of what it was', async () => {
  const { code, lines, stderr } = await runChild(
    `
    async function main() {
      const transport = new ScriptedTransport()
      const events = new ServerEvents(transport)
      const stream = events.stream('report', 1)
      await stream.ready
      const message = { kind: 'event', body: '[]' }
      transport.receiver.deliver({ name: 'report', id: '1' }, message)
      const read = async (count) => {
        // One is always unread, so that the buffer is never empty.
        for (let n = 0; n < count; n++) {
          transport.receiver.deliver({ name: 'report', id: '1' }, message)
          await stream.next()
        }
        gc()
        return process.memoryUsage().heapUsed
      }
      await read(10_000)
      const before = await read(10_000)
      say((await read(500_000)) - before < 1e6 ? 'back' : 'grown')
      await events.close()
    }
    main()
  `,
    { execArgv: ['--expose-gc'] },
  )
  expect({ code, lines, stderr }).toEqual({ code: 0, lines: ['back'], stderr: '' })
})

test('nobody has to read: no end of a stream is an unhandled rejection', async () => {
  const unhandled = jest.fn()
  process.on('unhandledRejection', unhandled)
  const { events, transport } = startUnheard()
  for (const timeout of [1, 60_000]) void events.stream('report', 1, { timeout }).ready
  void events.stream('report', 2).next()
  void events.stream('', 1)
  await new Promise((resolve) => setTimeout(resolve, 20))
  transport.deliverFailure(key(2), { name: 'Error', message: 'no' })
  await events.close()
  await settle()
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

test.each(['next', 'for await', 'ready'])('the stack of what ends it names the line that awaits (%s)', async (way) => {
  const { events, transport } = start({ manual: ['subscribe'] })
  const stream = events.stream('report', 1)
  async function readingFunction(): Promise<void> {
    if (way === 'next') await stream.next()
    else if (way === 'ready') await stream.ready
    else for await (const args of stream) expect(args).toEqual([])
  }
  const read = rejection(readingFunction())
  await settle()
  transport.deliverFailure(key(1), { name: 'Error', message: 'no' })
  expect((await read).stack).toContain('readingFunction')
})

test('an open stream holds the process to its timeout, one that has ended does not', async () => {
  const { code, lines, stderr } = await runChild(`
    process.on('exit', () => say('exit'))
    async function main() {
      const events = new ServerEvents(new ScriptedTransport())
      const ended = events.stream('report', 1)
      await ended.ready
      await ended.return()
      await events.stream('report', 1, { timeout: 100 }).next().catch((error) => say(error.code))
    }
    main()
  `)
  expect({ code, lines, stderr }).toEqual({ code: 0, lines: ['ERR_TIMEOUT', 'exit'], stderr: '' })
})
