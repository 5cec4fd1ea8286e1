import { rejection, settle, start, watch } from './support/harness'
import type { ScriptedTransport } from './support/scripted-transport'

const published = (transport: ScriptedTransport): string[] =>
  transport.publishes.calls.map(
    ({ asked: { key, message } }) => `${message.kind} ${key.name}:${key.id} ${String(message.body)}`,
  )

describe('an emit', () => {
  test('resolves when the transport has accepted it, not before', async () => {
    const { events, transport } = start({ manual: ['publish'] })
    const emit = watch(events.emit('report', 1, 'done'))
    await settle()
    expect(emit.state).toBe('pending')
    expect(events.stats().queued).toBe(1)
    transport.publishes.last.answer()
    await settle()
    expect(emit).toEqual({ state: 'resolved', value: undefined })
    expect(events.stats().queued).toBe(0)
  })

  test('takes its args as they are at the call', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    void events.on('report', 1)
    const arg = { value: 'then' }
    void events.emit('report', 1, arg)
    arg.value = 'later'
    transport.release()
    await settle()
    expect(published(transport)).toEqual(['event report:1 [{"value":"then"}]'])
  })

  test('never subscribes, not even the names of option listen', async () => {
    const { events, transport } = start({}, { listen: ['report'] })
    await events.emit('report', 1)
    await events.fail('other', 1, new Error('failed'))
    expect(transport.log).toEqual(['publish report:1', 'publish other:1'])
  })

  test('has a promise of its own', async () => {
    const { events } = start()
    const emits = [events.emit('report', 1), events.emit('report', 1)]
    expect(emits[0]).not.toBe(emits[1])
    await Promise.all(emits)
  })

  test('says whether it is kept; a keeper gets the duration of its name', async () => {
    const { events, transport } = start({ keeper: true }, { keep: { report: 5000 } })
    await events.emit('report', 1, 'kept')
    await events.emit('other', 1, 'passing')
    await events.fail('report', 2, new Error('failed'))
    expect(transport.publishes.calls.map(({ asked: { keepMs, message } }) => [keepMs, message.kept])).toEqual([
      [5000, true],
      [0, false],
      [5000, true],
    ])
  })

  test('carries what option headers returns, called for each emit and fail', async () => {
    const asked: string[] = []
    const headers = (name: string, id: string): Record<string, string> => {
      asked.push(`${name}:${id}`)
      return { traceparent: `00-${id}` }
    }
    const { events, transport } = start({}, { headers })
    await events.emit('report', 1)
    await events.fail('report', 2, new Error('failed'))
    expect(asked).toEqual(['report:1', 'report:2'])
    expect(transport.publishes.calls.map(({ asked: { message } }) => message.headers)).toEqual([
      { traceparent: '00-1' },
      { traceparent: '00-2' },
    ])
  })
})

describe('a failure', () => {
  test('travels as name, message, code and data, without stack, cause or the codec', async () => {
    const codec = {
      encode: () => {
        throw new Error('not for failures')
      },
      decode: () => [],
    }
    const { events, transport } = start({}, { codec })
    const cause = new Error('secret')
    await events.fail(
      'report',
      1,
      Object.assign(new TypeError('bad', { cause }), { code: 7, data: [1], other: 'secret' }),
    )
    expect(JSON.parse(String(transport.publishes.last.asked.message.body))).toEqual({
      name: 'TypeError',
      message: 'bad',
      code: 7,
      data: [1],
    })
  })

  test.each([
    ['a string', 'out of disk', { name: 'Error', message: 'out of disk' }],
    ['undefined', undefined, { name: 'Error', message: 'undefined' }],
    ['null', null, { name: 'Error', message: 'null' }],
    ['a symbol', Symbol('x'), { name: 'Error', message: 'Symbol(x)' }],
    ['an object', { message: 'plain', code: 'E' }, { name: 'Error', message: 'plain', code: 'E' }],
    ['one without a prototype', Object.create(null), { name: 'Error', message: '' }],
  ])('may be %s', async (_, thrown, expected) => {
    const { events, transport } = start()
    await events.fail('report', 1, thrown)
    expect(JSON.parse(String(transport.publishes.last.asked.message.body))).toEqual(expected)
  })

  test('data that JSON refuses is left out, which onerror tells: the waiters still get the failure', async () => {
    const { events, told } = start()
    const wait = events.on('report', 1)
    const failing = Object.assign(new Error('failed'), { data: { big: 1n, secret: 'password' } })
    await events.fail('report', 1, failing)
    expect(await rejection(wait)).toMatchObject({ code: 'ERR_REMOTE', message: 'failed', data: undefined })
    expect(told).toEqual([{ store: 'inputStore', error: expect.objectContaining({ code: 'ERR_SERIALIZATION' }) }])
    expect(told[0]!.error.message).not.toContain('password')
  })

  test('whose properties throw reaches the waiters all the same', async () => {
    const { events } = start()
    const wait = events.on('report', 1)
    const hostile = {
      message: 'failed',
      get code(): string {
        throw new Error('trap')
      },
    }
    await events.fail('report', 1, hostile)
    expect(await rejection(wait)).toMatchObject({ code: 'ERR_REMOTE', message: 'failed' })
  })
})

describe('rule 6: an emit after an on, in one tick,', () => {
  test.each(['name', 'id'] as const)('arrives, 100 of 100, at first use (routing %s)', async (routing) => {
    const { events } = start({ routing })
    const waits = Array.from({ length: 100 }, (_, id) => {
      const wait = events.on('report', id, 1000)
      void (id % 2 === 0 ? events.emit('report', id, id) : events.fail('report', id, new Error(String(id))))
      return wait.catch((error: unknown) => [Number((error as Error).message)])
    })
    expect(await Promise.all(waits)).toEqual(Array.from({ length: 100 }, (_, id) => [id]))
  })

  test('is held until the subscribe has settled, for good', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    const wait = events.on('report', 1)
    const emit = events.emit('report', 1, 'done')
    await settle()
    expect(transport.publishes.count).toBe(0)
    transport.subscribes.last.answer()
    await emit
    expect(await wait).toEqual(['done'])
  })

  test('is held until the subscribe has settled, also when it is refused', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    void events.on('report', 1)
    const emit = events.emit('report', 1, 'done')
    transport.subscribes.last.reject(Object.assign(new Error('no'), { code: 'ERR_FORBIDDEN' }))
    await emit
    expect(transport.publishes.count).toBe(1)
    expect(events.stats().names).toBe(0)
  })

  test.each(['name', 'id'] as const)('arrives while the topic is being unsubscribed (routing %s)', async (routing) => {
    jest.useFakeTimers()
    const { events, transport } = start({ routing, manual: ['unsubscribe'] })
    const first = events.on('report', 1)
    await settle()
    transport.deliver({ name: 'report', id: '1' }, [])
    await first
    jest.advanceTimersByTime(30_000)
    expect(transport.unsubscribes.count).toBe(1)
    const second = events.on('report', 1)
    void events.emit('report', 1, 'done')
    await settle()
    transport.unsubscribes.last.answer()
    expect(await second).toEqual(['done'])
  })

  test('is let go when the topic is unsubscribed and nobody waits any more', async () => {
    const { events, transport } = start({ routing: 'id', manual: ['unsubscribe'] })
    const first = events.on('report', 1)
    await settle()
    transport.deliver({ name: 'report', id: '1' }, [])
    await first
    const controller = new AbortController()
    const second = events.on('report', 1, { signal: controller.signal })
    const emit = events.emit('report', 1, 'done')
    controller.abort()
    await rejection(second)
    transport.unsubscribes.last.answer()
    await emit
    expect(transport.subscribes.count).toBe(1)
    expect(events.stats()).toMatchObject({ names: 0, queued: 0 })
  })

  test('is held at most 5 s', async () => {
    jest.useFakeTimers()
    const { events, transport } = start({ manual: ['subscribe'] })
    void events.on('report', 1)
    const emit = events.emit('report', 1, 'done')
    jest.advanceTimersByTime(4999)
    await settle()
    expect(transport.publishes.count).toBe(0)
    jest.advanceTimersByTime(1)
    await emit
    expect(transport.publishes.count).toBe(1)
  })

  test('each is held for 5 s of its own, however long the subscribe has been in flight', async () => {
    jest.useFakeTimers()
    const { events, transport } = start({ manual: ['subscribe'] })
    void events.on('report', 1, 60_000)
    void events.emit('report', 1, 'first')
    jest.advanceTimersByTime(3000)
    void events.emit('report', 2, 'second')
    jest.advanceTimersByTime(2000)
    expect(published(transport)).toEqual(['event report:1 ["first"]'])
    jest.advanceTimersByTime(2999)
    void events.on('report', 3, 60_000)
    const third = events.emit('report', 3, 'third')
    expect(published(transport)).toHaveLength(1)
    jest.advanceTimersByTime(1)
    expect(published(transport)).toEqual(['event report:1 ["first"]', 'event report:2 ["second"]'])
    transport.subscribes.last.answer()
    await third
  })

  test('keeps its place: emits and fails of the name queue behind it, in order', async () => {
    const { events, transport } = start({ routing: 'id', manual: ['subscribe'] })
    void events.on('report', 1)
    const all = [
      events.emit('report', 1, 'a'),
      events.fail('report', 2, new Error('b')),
      events.emit('report', 1, 'c'),
      events.fail('report', 1, new Error('d')),
      events.emit('report', 3, 'e'),
    ]
    await settle()
    expect(published(transport)).toEqual([])
    transport.subscribes.last.answer()
    await Promise.all(all)
    expect(published(transport)).toEqual([
      'event report:1 ["a"]',
      'failure report:2 {"name":"Error","message":"b"}',
      'event report:1 ["c"]',
      'failure report:1 {"name":"Error","message":"d"}',
      'event report:3 ["e"]',
    ])
  })

  test('routing id: what is held for another id in flight stays, with all behind it', async () => {
    const { events, transport } = start({ routing: 'id', manual: ['subscribe'] })
    void events.on('report', 1)
    void events.on('report', 2)
    const all = [events.emit('report', 1, 'a'), events.emit('report', 2, 'b'), events.emit('report', 1, 'c')]
    const [one, two] = transport.subscribes.calls
    one!.answer()
    await settle()
    expect(published(transport)).toEqual(['event report:1 ["a"]'])
    two!.answer()
    await Promise.all(all)
    expect(published(transport)).toHaveLength(3)
  })

  test('does not hold other names', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    void events.on('report', 1)
    void events.emit('report', 1)
    await events.emit('other', 1)
    expect(published(transport)).toEqual(['event other:1 []'])
  })

  test('is held while outputStore is down, and let go in order when the subscription is restored', async () => {
    const { events, transport } = start()
    await events.emit('other', 1)
    const wait = events.on('report', 1)
    await settle()
    transport.down('outputStore')
    const held = [
      events.emit('report', 1, 'a'),
      events.fail('report', 2, new Error('b')),
      events.emit('report', 1, 'c'),
    ]
    await events.emit('other', 1)
    await settle()
    expect(published(transport)).toEqual(['event other:1 []', 'event other:1 []'])
    expect(events.stats().queued).toBe(3)
    transport.up('outputStore')
    await Promise.all(held)
    expect(
      published(transport)
        .slice(2)
        .map((text) => text.slice(0, 16)),
    ).toEqual(['event report:1 [', 'failure report:2', 'event report:1 ['])
    expect(await wait).toEqual(['a'])
  })

  test('stays held when outputStore goes down while the subscription is in flight', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    transport.up('outputStore')
    const wait = events.on('report', 1)
    const held = [events.emit('report', 1, 'a'), events.emit('report', 1, 'b')]
    await settle()
    transport.down('outputStore')
    await settle()
    expect(published(transport)).toEqual([])
    transport.subscribes.last.answer()
    await settle()
    transport.up('outputStore')
    await Promise.all(held)
    expect(await wait).toEqual(['a'])
  })

  test.each(['listen', 'stream'] as const)('is held for a %s as for a wait', async (kind) => {
    const { events, transport } = start()
    const heard: unknown[] = []
    if (kind === 'listen') await events.listen('report', (_, text) => heard.push(text))
    else {
      const stream = events.stream('report', 1)
      void stream.next().then(({ value }) => heard.push(value?.[0]))
    }
    await settle()
    transport.down('outputStore')
    const emit = events.emit('report', 1, 'a')
    await settle()
    expect(published(transport)).toEqual([])
    transport.up('outputStore')
    await emit
    await settle()
    expect(heard).toEqual(['a'])
  })

  test('is held when the first connection fails, until one stands', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    const wait = events.on('report', 1)
    transport.error('outputStore', Object.assign(new Error('refused'), { code: 'ERR_CONNECTION' }))
    const emit = events.emit('report', 1, 'a')
    await settle()
    expect(published(transport)).toEqual([])
    transport.release()
    await emit
    expect(await wait).toEqual(['a'])
  })

  test('is held for 5 s at most; then it goes to the transport, or rejects if that is away as well', async () => {
    jest.useFakeTimers()
    const { events, transport } = start()
    await events.emit('other', 1)
    void events.on('report', 1, 60_000)
    await settle()
    transport.down('outputStore')
    const first = watch(events.emit('report', 1, 'a'))
    jest.advanceTimersByTime(4999)
    await settle()
    expect(first.state).toBe('pending')
    jest.advanceTimersByTime(1)
    await settle()
    expect(first.state).toBe('resolved')
    transport.down('inputStore')
    // The loop of the scripted transport has brought the first one.
    void events.on('report', 1, 60_000)
    const second = watch(events.emit('report', 1, 'b'))
    jest.advanceTimersByTime(5000)
    await settle()
    expect(second.value).toMatchObject({
      code: 'ERR_CONNECTION',
      sent: false,
      message: expect.stringContaining('5000 ms'),
    })
    expect(published(transport)).toEqual(['event other:1 []', 'event report:1 ["a"]'])
  })

  test('is held no longer than a publish of its transport may take', async () => {
    jest.useFakeTimers()
    const { events, transport } = start()
    Object.assign(transport, { publishTimeout: 800 })
    void events.on('report', 1, 60_000)
    await settle()
    transport.down('outputStore')
    transport.connects.manual = true
    const emit = watch(events.emit('report', 1))
    expect(transport.connects.count).toBe(1)
    jest.advanceTimersByTime(800)
    await settle()
    expect(emit.value).toMatchObject({ code: 'ERR_CONNECTION' })
  })

  test('what refuses the connection is said by the emit', async () => {
    const { events, transport } = start({ manual: ['connect', 'publish'] })
    void events.on('report', 1)
    await settle()
    transport.down('outputStore')
    const emit = rejection(events.emit('report', 1))
    transport.connects.last.reject(Object.assign(new Error('wrong password'), { code: 'ERR_AUTH' }))
    await settle()
    transport.publishes.last.reject(Object.assign(new Error('wrong password'), { code: 'ERR_AUTH' }))
    expect(await emit).toMatchObject({ code: 'ERR_AUTH' })
  })

  test('each is held for its own time in an interruption, also when whoever waited has gone', async () => {
    jest.useFakeTimers()
    const { events, transport } = start()
    await events.emit('other', 1)
    watch(events.on('report', 1, 1000))
    await settle()
    transport.down('inputStore')
    transport.down('outputStore')
    const first = watch(events.emit('report', 1, 'a'))
    jest.advanceTimersByTime(2000)
    await settle()
    const second = watch(events.emit('report', 1, 'b'))
    jest.advanceTimersByTime(3000)
    await settle()
    expect([first.value, second.state]).toMatchObject([{ code: 'ERR_CONNECTION', sent: false }, 'pending'])
    expect(published(transport)).toEqual(['event other:1 []'])
  })

  test('are held up to 1,000 during an interruption; what is more goes to the transport, in order', async () => {
    const { events, transport } = start()
    await events.listen('report')
    void events.on('report', 1)
    transport.down('outputStore')
    for (let number = 0; number < 1000; number++) void events.emit('report', 1, number)
    await settle()
    expect(transport.publishes.count).toBe(0)
    void events.emit('report', 1, 1000)
    expect(published(transport)).toEqual(Array.from({ length: 1001 }, (_, number) => `event report:1 [${number}]`))
  })

  test('are held in any burst while a subscription is in flight; once that takes 2 s, no more than in an interruption', async () => {
    jest.useFakeTimers()
    const { events, transport } = start({ manual: ['subscribe'] })
    void events.on('report', 1)
    for (let number = 0; number < 6000; number++) void events.emit('report', 1, number)
    jest.advanceTimersByTime(1900)
    void events.emit('report', 1, 6000)
    await settle()
    expect(transport.publishes.count).toBe(0)
    jest.advanceTimersByTime(200)
    for (let number = 6001; number < 7002; number++) void events.emit('report', 1, number)
    await settle()
    expect(published(transport)).toEqual(Array.from({ length: 6002 }, (_, number) => `event report:1 [${number}]`))
    void events.emit('report', 1, 7002)
    await settle()
    expect(transport.publishes.count).toBe(7003)
  })

  test('are held up to 64 MiB in any case', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    void events.on('report', 1)
    const large = 'x'.repeat(1_000_000)
    for (let number = 0; number < 67; number++) void events.emit('report', 1, large)
    await settle()
    expect(transport.publishes.count).toBe(0)
    void events.emit('report', 1, large)
    expect(transport.publishes.count).toBe(68)
  })

  test('is not held in an interruption when nobody here waits for it', async () => {
    const { events, transport } = start()
    void events.on('report', 1)
    await settle()
    transport.down('outputStore')
    await events.emit('report', 2)
    expect(published(transport)).toEqual(['event report:2 []'])
  })

  test('is held when outputStore was never up', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    void events.on('report', 1)
    void events.emit('report', 1)
    await settle()
    expect(transport.publishes.count).toBe(0)
  })

  test('is not held once the subscription stands', async () => {
    const { events, transport } = start({ manual: ['publish'] })
    void events.on('report', 1)
    await settle()
    void events.emit('report', 1)
    expect(transport.publishes.count).toBe(1)
  })
})

describe('an emit that rejects', () => {
  test.each([
    ['ERR_CONNECTION', { sent: false }],
    ['ERR_UNCERTAIN', {}],
    ['ERR_NOT_KEPT', {}],
    ['ERR_FORBIDDEN', { channel: 'se:report' }],
    ['ERR_AUTH', {}],
    ['ERR_CLOSED', {}],
    ['ERR_PAYLOAD_TOO_LARGE', {}],
  ])('with %s: the class of that code, with the message, and the same on onerror', async (code, more) => {
    const { events, transport, told } = start({ manual: ['publish'] })
    const emit = events.emit('report', 1)
    const given = Object.assign(new Error('as told'), { code, channel: 'se:report', command: 'PUBLISH secret' })
    transport.publishes.last.reject(given)
    const error = await rejection(emit)
    expect(error).toMatchObject({ code, message: 'as told', ...more })
    expect(error).not.toBe(given)
    expect(error).not.toHaveProperty('command')
    expect(told).toEqual([{ store: 'inputStore', error: expect.objectContaining({ code, message: 'as told' }) }])
  })

  test('with an error that is none of ours: UncertainError, and nothing of its message', async () => {
    const { events, transport, told } = start({ manual: ['publish'] })
    const emit = events.emit('report', 1, 'payload')
    const given = Object.assign(new RangeError('PUBLISH report payload'), { command: { args: ['password'] } })
    transport.publishes.last.reject(given)
    const error = await rejection(emit)
    expect(error).toMatchObject({ code: 'ERR_UNCERTAIN', message: expect.stringContaining('RangeError') })
    expect(error.message).not.toContain('payload')
    expect(error.cause).toBeUndefined()
    expect(told).toHaveLength(1)
  })

  test('with a promise that the transport gave for several: each has an error of its own, and is told', async () => {
    const { events, transport, told } = start()
    let reject!: (error: Error) => void
    const shared = new Promise<void>((_, refuse) => (reject = refuse))
    transport.publish = () => shared
    const emits = [1, 2, 3].map((id) => rejection(events.emit('report', id)))
    await settle()
    expect(events.stats().queued).toBe(3)
    reject(Object.assign(new Error('lost'), { code: 'ERR_CONNECTION' }))
    const errors = await Promise.all(emits)
    expect(errors.map(({ code }) => code)).toEqual(Array(3).fill('ERR_CONNECTION'))
    expect(new Set(errors).size).toBe(3)
    expect(told).toHaveLength(3)
    expect(events.stats().queued).toBe(0)
  })

  test('a publish that throws instead, against the contract, rejects the emit', async () => {
    const { events, transport } = start()
    jest.spyOn(transport, 'publish').mockImplementationOnce(() => {
      throw Object.assign(new Error('not now'), { code: 'ERR_CONNECTION' })
    })
    expect(await rejection(events.emit('report', 1))).toMatchObject({ code: 'ERR_CONNECTION', message: 'not now' })
    expect(events.stats().queued).toBe(0)
  })

  test('because of its arguments is told on onerror too, and sends nothing', async () => {
    const { events, transport, told } = start({}, { maxPayload: 20 })
    const cycle: unknown[] = ['secret']
    cycle.push(cycle)
    const refused = [
      await rejection(events.emit('', 1)),
      await rejection(events.fail('report', '', new Error('failed'))),
      await rejection(events.emit('report', 1, 'fine', { secret: 1n })),
      await rejection(events.emit('report', 1, cycle)),
      await rejection(events.emit('report', 1, 'x'.repeat(20))),
    ]
    const codes = [
      'ERR_INVALID_ARGUMENT',
      'ERR_INVALID_ARGUMENT',
      'ERR_SERIALIZATION',
      'ERR_SERIALIZATION',
      'ERR_PAYLOAD_TOO_LARGE',
    ]
    expect(refused.map(({ code }) => code)).toEqual(codes)
    expect(told.map(({ store, error }) => [store, error.code])).toEqual(codes.map((code) => ['inputStore', code]))
    expect(refused[2].message).toMatch(/argument 2 holds a BigInt/)
    expect(refused[3].message).toMatch(/argument 1 holds a cycle/)
    expect(refused.map(({ message }) => message).join()).not.toContain('secret')
    expect(transport.log).toEqual([])
  })

  test('maxPayload counts bytes of UTF-8, up to and including', async () => {
    const { events } = start({}, { maxPayload: 8 })
    await events.emit('report', 1, '€')
    await events.emit('report', 1, 'abcd')
    expect(await rejection(events.emit('report', 1, '€€'))).toMatchObject({ code: 'ERR_PAYLOAD_TOO_LARGE' })
    expect(await rejection(events.emit('report', 1, 'abcde'))).toMatchObject({ code: 'ERR_PAYLOAD_TOO_LARGE' })
  })

  test.each([
    ['throws', () => thrower()],
    ['returns no object', () => 'traceparent'],
    ['returns other values than strings', () => ({ a: 1 })],
  ])('because option headers %s', async (_, headers: any) => {
    const { events, transport, told } = start({}, { headers })
    const error = await rejection(events.emit('report', 1))
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(error.message).not.toContain('secret')
    expect(told).toHaveLength(1)
    expect(transport.log).toEqual([])
  })

  function thrower(): never {
    throw new Error('secret')
  }
})

describe('option codec', () => {
  const bytes = {
    encode: (args: readonly unknown[]) => new TextEncoder().encode(JSON.stringify(args)),
    decode: (body: string | Uint8Array) => JSON.parse(new TextDecoder().decode(body as Uint8Array)),
  }

  test('carries the args its own way', async () => {
    const { events, transport } = start({}, { codec: bytes })
    const wait = events.on('report', 1)
    await events.emit('report', 1, 'done')
    expect(await wait).toEqual(['done'])
    expect(transport.publishes.last.asked.message.body).toBeInstanceOf(Uint8Array)
  })

  test.each([
    ['throws', () => thrower()],
    ['returns neither a string nor bytes', () => 7],
  ])('one whose encode %s rejects the emit with SerializationError', async (_, encode: any) => {
    const { events, transport } = start({}, { codec: { ...bytes, encode } })
    const error = await rejection(events.emit('report', 1))
    expect(error).toMatchObject({ code: 'ERR_SERIALIZATION', message: expect.stringContaining('"report"') })
    expect(error.message).not.toContain('secret')
    expect(transport.log).toEqual([])
  })

  function thrower(): never {
    throw new Error('secret')
  }
})

describe('what is too large', () => {
  test('the data of a failure is left out, and onerror is told: somebody waits for the failure', async () => {
    const { events, told } = start({}, { maxPayload: 1000 })
    const wait = events.on('report', 1)
    await settle()
    await events.fail('report', 1, Object.assign(new Error('boom'), { data: 'x'.repeat(2000) }))
    await expect(wait).rejects.toMatchObject({ code: 'ERR_REMOTE', message: 'boom', data: undefined })
    expect(told.map(({ error }) => error.code)).toEqual(['ERR_SERIALIZATION'])
  })

  test('headers count: over maxPayload they are refused', async () => {
    const { events, transport } = start({}, { maxPayload: 1000, headers: () => ({ trace: 'x'.repeat(1001) }) })
    await expect(events.emit('report', 1)).rejects.toMatchObject({ code: 'ERR_PAYLOAD_TOO_LARGE' })
    expect(transport.publishes.count).toBe(0)
  })
})
