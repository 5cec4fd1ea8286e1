import * as diagnosticsChannel from 'node:diagnostics_channel'
import { getEventListeners } from 'node:events'
import { ServerEvents } from 'server-events'
import { runChild } from './support/child'
import { rejection, settle, start, watch, type Started } from './support/harness'

describe('a wait', () => {
  test('resolves with the args of the event as an array', async () => {
    const { events } = start()
    const wait = events.on('report', 42)
    await events.emit('report', 42, 'url', 7, { deep: [true] })
    expect(await wait).toEqual(['url', 7, { deep: [true] }])
    expect(events.stats().settled.event).toBe(1)
  })

  test('12, 12n and "12" are the same id', async () => {
    const { events } = start()
    const waits = [events.on('report', 12), events.on('report', 12n), events.on('report', '12')]
    await events.emit('report', 12, 'done')
    expect(await Promise.all(waits)).toEqual([['done'], ['done'], ['done']])
  })

  test('waits on other names and ids are not touched, whatever characters they are made of', async () => {
    const { events, transport } = start()
    const keys = [
      ['a', 'b:c'],
      ['a:b', 'c'],
      ['__proto__', 'constructor'],
      ['constructor', '__proto__'],
    ] as const
    const waits = keys.map(([name, id]) => watch(events.on(name, id)))
    await settle()
    for (const [index, [name, id]] of keys.entries()) {
      transport.deliver({ name, id }, [index])
      await settle()
      expect(waits.map(({ state }) => state)).toEqual(keys.map((_, other) => (other <= index ? 'resolved' : 'pending')))
      expect(waits[index]!.value).toEqual([index])
    }
  })

  test('several waits on one (name, id): all get the event, each with args of its own', async () => {
    const { events } = start()
    const waits = [events.on('report', 1), events.on('report', 1), events.on('report', 1)]
    await events.emit('report', 1, { shared: [1] })
    const received = (await Promise.all(waits)).map(([arg]) => arg)
    expect(received).toEqual([{ shared: [1] }, { shared: [1] }, { shared: [1] }])
    received[0].shared.push(2)
    expect(received[1]).toEqual({ shared: [1] })
    expect(received[2]).toEqual({ shared: [1] })
  })

  test('one of several timing out touches no other', async () => {
    const { events, transport } = start()
    const short = events.on('report', 1, 5)
    const long = events.on('report', 1)
    const error = await rejection(short)
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', timeout: 5 })
    expect(events.stats()).toMatchObject({ pending: 1, settled: { timeout: 1 } })
    transport.deliver({ name: 'report', id: '1' }, ['late'])
    expect(await long).toEqual(['late'])
  })

  test('rejects at once with RemoteError when the producer fails, with name, message, code and data', async () => {
    const { events } = start()
    const waits = [events.on('report', 1), events.on('report', 1)]
    const failure = Object.assign(new RangeError('no disk'), { code: 'EDISK', data: { left: 0 }, secret: 'hidden' })
    await events.fail('report', 1, failure)
    for (const wait of waits) {
      const error = await rejection(wait)
      expect(error).toMatchObject({
        code: 'ERR_REMOTE',
        event: 'report',
        id: '1',
        remoteName: 'RangeError',
        message: 'no disk',
        remoteCode: 'EDISK',
        data: { left: 0 },
      })
      expect(JSON.stringify(error)).not.toContain('hidden')
    }
    expect(events.stats().settled.failure).toBe(2)
  })

  test('the instance is never the one to hold it for ever: the default timeout is 10,000 ms and can be set', () => {
    const { events } = start()
    expect(events.timeout).toBe(10_000)
    events.timeout = 1000.2
    expect(events.timeout).toBe(1001)
    expect(() => (events.timeout = 0)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    expect(events.timeout).toBe(1001)
  })

  test('settles exactly once: what comes after it is counted nowhere', async () => {
    const controller = new AbortController()
    const { events, transport } = start()
    const wait = watch(events.on('report', 1, { timeout: 20, signal: controller.signal }))
    const longer = events.on('report', 2, 40)
    await settle()
    transport.deliver({ name: 'report', id: '1' }, ['first'])
    transport.deliver({ name: 'report', id: '1' }, ['second'])
    transport.deliverFailure({ name: 'report', id: '1' }, { name: 'Error', message: 'third' })
    controller.abort()
    // Its deadline was before this one's.
    await rejection(longer)
    expect(wait).toEqual({ state: 'resolved', value: ['first'] })
    const { settled, pending } = events.stats()
    expect(settled).toMatchObject({ event: 1, failure: 0, aborted: 0, timeout: 1 })
    expect(pending).toBe(0)
  })

  test('settles exactly once, even if the codec aborts it while it decodes its event', async () => {
    const controller = new AbortController()
    const decode = (body: string | Uint8Array): unknown[] => {
      controller.abort()
      return JSON.parse(String(body)) as unknown[]
    }
    const { events, transport } = start({}, { codec: { encode: JSON.stringify, decode } })
    const wait = events.on('report', 1, { signal: controller.signal })
    await settle()
    transport.deliver({ name: 'report', id: '1' }, ['too late'])
    expect(await rejection(wait)).toBe(controller.signal.reason)
    expect(events.stats()).toMatchObject({ pending: 0, settled: { aborted: 1, event: 0 } })
  })
})

describe('rule 1: abort signals', () => {
  test('an already aborted signal rejects with its reason before anything is registered', async () => {
    const { events, transport } = start({ keeper: true }, { keep: 1000 })
    const reason = { any: 'thing' }
    const signal = AbortSignal.abort(reason)
    const wait = events.on('report', 1, { signal })
    expect(events.stats()).toMatchObject({ pending: 0, names: 0 })
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(await rejection(wait)).toBe(reason)
    await settle()
    expect(transport.log).toEqual([])
  })

  test('an abort rejects with the reason, and frees the wait at once', async () => {
    const { events } = start()
    const controller = new AbortController()
    const wait = events.on('report', 1, { signal: controller.signal })
    const other = watch(events.on('report', 1))
    controller.abort()
    expect(events.stats()).toMatchObject({ pending: 1, settled: { aborted: 1 } })
    expect(await rejection(wait)).toBe(controller.signal.reason)
    expect(other.state).toBe('pending')
  })

  test('10,000 waits share one listener of their signal, which goes with the last of them', async () => {
    const { events, transport } = start()
    const controller = new AbortController()
    const { signal } = controller
    const waits = Array.from({ length: 10_000 }, (_, id) => events.on('report', id, { signal }))
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await settle()
    for (let id = 0; id < 9_999; id++) transport.deliver({ name: 'report', id: String(id) }, [])
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    transport.deliver({ name: 'report', id: '9999' }, [])
    expect(getEventListeners(signal, 'abort')).toEqual([])
    await Promise.all(waits)

    const aborted = Array.from({ length: 10_000 }, (_, id) => rejection(events.on('report', id, { signal })))
    controller.abort(new Error('shutting down'))
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(events.stats().pending).toBe(0)
    for (const error of await Promise.all(aborted)) expect(error).toBe(signal.reason)
  })

  // In a child, because what jest hands us is a copy of the process, which hears no warnings.
  test('10,000 waits on one signal draw no MaxListenersExceededWarning', async () => {
    const { code, lines, stderr } = await runChild(`
      const events = new ServerEvents(new ScriptedTransport())
      const controller = new AbortController()
      const waits = Array.from({ length: 10_000 }, (_, id) => events.on('report', id, { signal: controller.signal }))
      controller.abort()
      Promise.allSettled(waits).then(async (outcomes) => {
        say(outcomes.filter(({ status }) => status === 'rejected').length)
        await events.close()
      })
    `)
    expect({ code, lines, stderr }).toEqual({ code: 0, lines: ['10000'], stderr: '' })
  })
})

describe('rule 7: one dispatch', () => {
  test('an event settles all matching waits, then calls the listeners', async () => {
    const { events, transport } = start()
    const pendingAtListener: number[] = []
    await events.listen('report', () => pendingAtListener.push(events.stats().pending))
    const waits = [events.on('report', 1), events.on('report', 1), events.on('report', 2)]
    transport.deliver({ name: 'report', id: '1' }, [])
    expect(pendingAtListener).toEqual([1])
    await Promise.all(waits.slice(0, 2))
  })

  test('a failure settles waits and is nothing to a listener', async () => {
    const { events, transport, told } = start()
    const called: string[] = []
    await events.listen('report', (id) => called.push(id))
    const wait = events.on('report', 1)
    transport.deliverFailure({ name: 'report', id: '1' }, { name: 'Error', message: 'failed' })
    expect(await rejection(wait)).toMatchObject({ code: 'ERR_REMOTE' })
    transport.deliver({ name: 'report', id: 'sentinel' }, [])
    expect(called).toEqual(['sentinel'])
    expect(told).toEqual([])
  })

  test('`wants` tells a transport what is waited for or listened to, and nothing else', async () => {
    const { events, transport } = start()
    const wants = (name: string, id: string): boolean => transport.receiver.wants({ name, id })
    const wait = events.on('report', 1)
    expect([wants('report', '1'), wants('report', '2'), wants('other', '1')]).toEqual([true, false, false])
    await settle()
    transport.deliver({ name: 'report', id: '1' }, [])
    await wait
    expect(wants('report', '1')).toBe(false)
    const listening = await events.listen('report', () => {})
    expect(wants('report', '2')).toBe(true)
    await listening.close()
    expect(wants('report', '2')).toBe(false)
  })
})

describe('rule 8: never connected', () => {
  test('waits run to their own timeout, and say what was wrong', async () => {
    const { events } = start({ manual: ['subscribe'] })
    const error = await rejection(events.on('report', 1, 30))
    expect(error).toMatchObject({
      code: 'ERR_TIMEOUT',
      event: 'report',
      id: '1',
      timeout: 30,
      subscribed: false,
      disconnected: 30,
      recalled: 'never',
    })
    expect(error.message).toMatch(/"report".*"1".*30 ms.*never subscribed.*no connection for 30 ms/)
  })

  test.each(['name', 'id'] as const)(
    'a rejected subscribe rejects the waits of its topic (routing %s)',
    async (routing) => {
      const { events, transport } = start({ routing, manual: ['subscribe'] })
      const refused = [events.on('report', 1), events.on('report', 1)]
      const other = watch(events.on('other', 1))
      transport.subscribes.calls[0]!.reject(Object.assign(new Error('wrong password'), { code: 'ERR_AUTH' }))
      for (const wait of refused) {
        expect(await rejection(wait)).toMatchObject({ code: 'ERR_AUTH', message: 'wrong password' })
      }
      expect(events.stats()).toMatchObject({ pending: 1, names: 1, settled: { refused: 2 } })
      expect(other.state).toBe('pending')
    },
  )
})

test('maxPending: one more wait rejects with TooManyWaitsError, and registers nothing', async () => {
  const { events, transport } = start({}, { maxPending: 2 })
  const waits = [events.on('report', 1), events.on('report', 2)]
  const error = await rejection(events.on('other', 3))
  expect(error).toMatchObject({ code: 'ERR_TOO_MANY_WAITS' })
  expect(events.stats()).toMatchObject({ pending: 2, names: 1 })
  await settle()
  transport.deliver({ name: 'report', id: '1' }, [])
  await waits[0]
  const third = events.on('report', 3)
  expect(events.stats().pending).toBe(2)
  transport.deliver({ name: 'report', id: '3' }, ['fits'])
  expect(await third).toEqual(['fits'])
})

test('methods never throw, whatever they are given', async () => {
  const { events } = start()
  const wrong: any = Symbol('wrong')
  const calls = [
    () => events.on(wrong, wrong, wrong),
    () => events.emit(wrong, wrong),
    () => events.fail(wrong, wrong, wrong),
    () => events.listen(wrong, wrong),
    () => events.peek(wrong, wrong),
    () => events.forget(wrong, wrong),
    () => events.close(wrong),
  ]
  for (const call of calls) {
    const promise = call()
    expect(promise).toBeInstanceOf(Promise)
    expect(await rejection(promise)).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  }
})

test('`await using` closes an instance', async () => {
  const { transport, events } = start()
  const wait = rejection(events.on('report', 1))
  await events[Symbol.asyncDispose]()
  expect(await wait).toMatchObject({ code: 'ERR_CLOSED' })
  expect(transport.log.at(-1)).toBe('close')
  expect(events).toBeInstanceOf(ServerEvents)
})

describe('a signal', () => {
  const kinds: [string, (events: Started['events'], options: { signal: AbortSignal; timeout: number }) => unknown][] = [
    ['on', (events, options) => events.on('report', 1, options)],
    ['request', (events, options) => events.request('report', () => {}, options)],
    ['stream', (events, options) => events.stream('report', 1, options).next()],
  ]

  test.each(kinds)('whose parts throw is refused each time it is given to %s', async (_, call) => {
    const thrower = (): never => {
      throw new Error('odd')
    }
    const nothing = (): void => {}
    const listens = { aborted: false, addEventListener: nothing, removeEventListener: nothing }
    const { events } = start()
    for (const odd of [
      { ...listens, addEventListener: thrower },
      Object.defineProperty({ ...listens }, 'aborted', { get: thrower }),
    ]) {
      for (let times = 0; times < 2; times++) {
        const error = await rejection(call(events, { signal: odd as never, timeout: 1000 }) as Promise<unknown>)
        expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
      }
    }
    expect(events.stats().pending).toBe(0)
  })

  test.each(kinds)('whose reason throws ends a %s with that', async (_, call) => {
    const { events } = start()
    let abort!: () => void
    const signal = {
      aborted: false,
      get reason(): never {
        throw new Error('odd')
      },
      addEventListener: (__: string, listener: () => void) => (abort = listener),
      removeEventListener: () => {},
    }
    const options = { signal: signal as unknown as AbortSignal, timeout: 1000 }
    const ended = rejection(call(events, options) as Promise<unknown>)
    abort()
    expect((await ended).message).toBe('odd')
    signal.aborted = true
    expect((await rejection(call(events, options) as Promise<unknown>)).message).toBe('odd')
  })

  test('without removeEventListener is refused at the call, and at the first next of a stream', async () => {
    const { events } = start()
    const signal = { aborted: false, addEventListener: () => {} } as unknown as AbortSignal
    expect(await rejection(events.on('report', 1, { signal }))).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(await rejection(events.stream('report', 1, { signal }).next())).toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    })
  })

  test.each(['addEventListener', 'removeEventListener'])('whose %s throws stalls nobody else', async (method) => {
    const { events } = start()
    const signal = {
      aborted: false,
      addEventListener: () => {},
      removeEventListener: () => {},
      [method]: () => {
        throw new RangeError('mine')
      },
    } as unknown as AbortSignal
    const bad = rejection(events.on('report', 1, { signal, timeout: 20 }))
    const good = rejection(events.on('report', 2, 30))
    expect(await good).toMatchObject({ code: 'ERR_TIMEOUT' })
    const code = method === 'addEventListener' ? 'ERR_INVALID_ARGUMENT' : 'ERR_TIMEOUT'
    expect(await bad).toMatchObject({ code })
    expect(events.stats().pending).toBe(0)
  })

  test.each(['wait', 'stream'] as const)('that is aborted by who hears of the start of a %s ends it', async (kind) => {
    const { events } = start()
    const controller = new AbortController()
    const name = `server-events:${kind}:start`
    const abort = (): void => {
      controller.abort(new Error('stop'))
    }
    diagnosticsChannel.subscribe(name, abort)
    try {
      const options = { signal: controller.signal, timeout: 60_000 }
      const promise = kind === 'wait' ? events.on('report', 1, options) : events.stream('report', 1, options).next()
      expect(await rejection(promise)).toMatchObject({ message: 'stop' })
      expect(events.stats().pending).toBe(0)
    } finally {
      diagnosticsChannel.unsubscribe(name, abort)
    }
  })
})

describe('a refusal says what to write instead', () => {
  test('durations are ms', async () => {
    const { events } = start()
    expect((await rejection(events.on('report', 1, '5s' as never))).message).toMatch(/ms, such as 5000/)
    expect((await rejection(events.stream('report', 1, 5000 as never).next())).message).toMatch(/ms, such as 5000/)
    expect((await rejection(events.close(5000 as never))).message).toMatch(/ms, such as 5000/)
  })

  test.each([
    ['redis', 'RedisTransport', 'redis'],
    ['rediss', 'RedisTransport', 'redis'],
    ['nats', 'NatsTransport', 'nats'],
    ['postgres', 'PostgresTransport', 'postgres'],
    ['postgresql', 'PostgresTransport', 'postgres'],
  ])('a URL %s: is no transport: %s makes one of it', (scheme, transport, name) => {
    const make = (): unknown => new ServerEvents(`${scheme}://user:secret@db` as never)
    expect(make).toThrow(`new ${transport}(url) of @server-events/${name}`)
    expect(make).not.toThrow('secret')
  })
})
