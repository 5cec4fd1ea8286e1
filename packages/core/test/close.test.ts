import { setTimeout as delay } from 'node:timers/promises'
import { rejection, settle, start, watch } from './support/harness'

const closedError = expect.objectContaining({ code: 'ERR_CLOSED' })

describe('rule 9: without drain', () => {
  test('waits end with ClosedError, then the transport is closed', async () => {
    const { events, transport } = start()
    const waits = [events.on('report', 1), events.on('other', 2)].map(rejection)
    await events.close()
    expect(await Promise.all(waits)).toEqual([closedError, closedError])
    expect(events.stats()).toMatchObject({ pending: 0, names: 0, queued: 0, settled: { closed: 2 } })
    expect(transport.log.at(-1)).toBe('close')
    expect(transport.closes.count).toBe(1)
  })

  test('after it, every method rejects with ClosedError, and nothing reaches the transport', async () => {
    const { events, transport, told } = start({ keeper: true })
    await events.close()
    const calls = transport.log.length
    const refused = [
      events.on('report', 1),
      events.listen('report'),
      events.init(),
      events.peek('report', 1),
      events.forget('report', 1),
      events.emit('report', 1),
      events.fail('report', 1, new Error('failed')),
    ]
    for (const promise of refused) expect(await rejection(promise)).toEqual(closedError)
    expect(transport.log).toHaveLength(calls)
    // An emit and a fail, which nobody has to await.
    expect(told.map(({ store, error }) => [store, error.code])).toEqual([
      ['inputStore', 'ERR_CLOSED'],
      ['inputStore', 'ERR_CLOSED'],
    ])
  })

  test('it is not connected any more, and does not say so', async () => {
    const { events } = start()
    await events.emit('report', 1)
    await events.listen('report')
    expect(events.stats()).toMatchObject({ inputStore: { connected: true }, outputStore: { connected: true } })
    await events.close()
    expect(events.stats()).toMatchObject({
      inputStore: { connected: false, interruptions: 0 },
      outputStore: { connected: false, interruptions: 0 },
    })
    const ready: string[] = []
    events.onready((store) => ready.push(store))
    expect(ready).toEqual([])
  })

  test('what the transport still says, against the contract, does nothing', async () => {
    const { events, transport, told } = start()
    const ready: string[] = []
    events.onready((store) => ready.push(store))
    const calls: string[] = []
    await events.listen('report', (id) => calls.push(id))
    await events.close()
    ready.length = 0
    transport.deliver({ name: 'report', id: '1' }, [])
    transport.up('outputStore')
    transport.down('outputStore')
    transport.lost({ name: 'report' }, new Error('lost'))
    transport.error('inputStore', new Error('error'))
    await settle()
    expect({ calls, told, ready }).toEqual({ calls: [], told: [], ready: [] })
  })

  test('init and listen that are under way reject with ClosedError', async () => {
    const { events, transport } = start({ manual: ['connect', 'subscribe'] }, { listen: ['report'] })
    const waiting = [rejection(events.init()), rejection(events.listen('other'))]
    await settle()
    const closed = events.close()
    transport.connects.last.reject(Object.assign(new Error('closed'), { code: 'ERR_CLOSED' }))
    expect(await Promise.all(waiting)).toEqual([closedError, closedError])
    await closed
  })

  test('a subscribe and an unsubscribe that settle after it start nothing', async () => {
    const { events, transport } = start({ routing: 'id', manual: ['subscribe', 'unsubscribe'] })
    const pending = rejection(events.on('report', 1))
    transport.subscribes.manual = false
    const other = events.on('report', 2)
    await settle()
    transport.deliver({ name: 'report', id: '2' }, [])
    await other
    const again = rejection(events.on('report', 2))
    await events.close()
    await Promise.all([pending, again])
    const { length } = transport.log
    transport.subscribes.calls[0]!.answer()
    transport.unsubscribes.last.answer()
    await settle()
    expect(transport.log).toHaveLength(length)
  })

  test('an unsubscribe that the transport answers as it closes starts nothing, though a listen waits for it', async () => {
    const { events, transport } = start({ routing: 'id', manual: ['unsubscribe'] })
    await (await events.listen('report')).close()
    const again = rejection(events.listen('report'))
    const close = transport.close.bind(transport)
    jest.spyOn(transport, 'close').mockImplementation(() => {
      transport.unsubscribes.last.answer()
      return close()
    })
    await events.close()
    expect(await again).toEqual(closedError)
    await settle()
    expect(transport.log).toEqual(['subscribe report', 'unsubscribe report', 'close'])
  })

  test('a transport that fails to close is told on onerror, and close resolves', async () => {
    const { events, transport, told } = start({ manual: ['close'] })
    const closed = events.close()
    await settle()
    transport.closes.last.reject(new Error('stuck, with a secret'))
    await closed
    expect(told).toHaveLength(1)
    expect(told[0]!.error.message).not.toContain('secret')
  })
})

describe('rule 9: outstanding emits', () => {
  test('get their answer before the transport is closed', async () => {
    const { events, transport } = start({ manual: ['publish'] })
    const emit = events.emit('report', 1)
    const closed = watch(events.close())
    await settle()
    expect(transport.closes.count).toBe(0)
    expect(await rejection(events.emit('report', 2))).toEqual(closedError)
    transport.publishes.last.answer()
    await emit
    await settle()
    expect(transport.closes.count).toBe(1)
    expect(closed.state).toBe('resolved')
  })

  test('get at most 5 s; then the transport says what became of them', async () => {
    jest.useFakeTimers()
    const { events, transport, told } = start({ manual: ['publish', 'close'] })
    const emits = [rejection(events.emit('report', 1)), rejection(events.emit('report', 2))]
    const closed = watch(events.close())
    await settle()
    jest.advanceTimersByTime(4999)
    await settle()
    expect(transport.closes.count).toBe(0)
    jest.advanceTimersByTime(1)
    await settle()
    expect(transport.closes.count).toBe(1)
    transport.publishes.calls[0]!.reject(Object.assign(new Error('not written'), { code: 'ERR_CLOSED' }))
    transport.publishes.calls[1]!.reject(Object.assign(new Error('no answer'), { code: 'ERR_UNCERTAIN' }))
    transport.closes.last.answer()
    expect(await Promise.all(emits)).toEqual([
      closedError,
      expect.objectContaining({ code: 'ERR_UNCERTAIN', message: 'no answer' }),
    ])
    await settle()
    expect(closed.state).toBe('resolved')
    expect(told).toHaveLength(2)
  })

  test('what the transport says of them counts, also when its answers take more turns than its close', async () => {
    jest.useFakeTimers()
    const { events, transport } = start({ manual: ['publish', 'close'] })
    const publish = transport.publish.bind(transport)
    jest.spyOn(transport, 'publish').mockImplementation(async (key, message) => {
      for (let turn = 0; turn < 3; turn++) {
        try {
          await publish(key, message)
        } catch (error) {
          await Promise.resolve()
          throw error
        }
      }
    })
    const emit = rejection(events.emit('report', 1))
    void events.close()
    await settle()
    jest.advanceTimersByTime(5000)
    await settle()
    transport.closes.last.answer()
    transport.publishes.last.reject(Object.assign(new Error('not written'), { code: 'ERR_CLOSED' }))
    expect(await emit).toMatchObject({ code: 'ERR_CLOSED', message: 'not written' })
  })

  test('a transport that leaves them open, against the contract: they may have been sent', async () => {
    jest.useFakeTimers()
    const { events } = start({ manual: ['publish'] })
    const emit = watch(events.emit('report', 1))
    const closed = watch(events.close())
    await settle()
    jest.advanceTimersByTime(5000)
    await settle()
    expect(emit.value).toMatchObject({ code: 'ERR_UNCERTAIN' })
    expect(closed.state).toBe('resolved')
    expect(events.stats().queued).toBe(0)
  })

  test('held emits leave at once', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    const wait = rejection(events.on('report', 1))
    const emit = events.emit('report', 1)
    expect(transport.publishes.count).toBe(0)
    await events.close()
    await emit
    expect(transport.log).toEqual(['subscribe report', 'publish report:1', 'close'])
    expect(await wait).toEqual(closedError)
  })
})

describe('rule 9: with drain', () => {
  test('new on, listen and init reject, while emit, fail, peek and pending waits work', async () => {
    const { events, transport } = start({ keeper: true })
    const [resolved, failed] = [events.on('report', 1), events.on('report', 2)]
    const pending = watch(events.on('report', 3))
    await settle()
    const closing = events.close({ drain: 10_000 })
    const closed = watch(closing)
    for (const refused of [events.on('report', 4), events.listen('report'), events.init()]) {
      expect(await rejection(refused)).toEqual(closedError)
    }
    await events.emit('report', 1, 'done')
    await events.fail('report', 2, new Error('failed'))
    expect(await events.peek('report', 1)).toBeUndefined()
    expect(await resolved).toEqual(['done'])
    expect(await rejection(failed)).toMatchObject({ code: 'ERR_REMOTE' })
    expect([pending.state, closed.state]).toEqual(['pending', 'pending'])
    expect(transport.closes.count).toBe(0)
    transport.deliver({ name: 'report', id: '3' }, ['last'])
    await settle()
    expect(pending.value).toEqual(['last'])
    await closing
  })

  test('timeouts and aborts work in it', async () => {
    const { events } = start()
    const controller = new AbortController()
    const waits = [events.on('report', 1, 20), events.on('report', 2, { signal: controller.signal })].map(rejection)
    const closed = events.close({ drain: 60_000 })
    controller.abort()
    expect(await Promise.all(waits)).toEqual([
      expect.objectContaining({ code: 'ERR_TIMEOUT' }),
      controller.signal.reason,
    ])
    await closed
  })

  test('it ends after `drain` ms, and what is pending then ends with ClosedError', async () => {
    jest.useFakeTimers()
    const { events, transport } = start()
    const wait = watch(events.on('report', 1, 60_000))
    await settle()
    void events.close({ drain: 3000 })
    jest.advanceTimersByTime(2999)
    await settle()
    expect(wait.state).toBe('pending')
    jest.advanceTimersByTime(1)
    await settle()
    expect(wait.value).toEqual(closedError)
    expect(transport.closes.count).toBe(1)
  })

  test('it ends as soon as nothing is pending, at once if nothing is', async () => {
    jest.useFakeTimers()
    const { events } = start()
    await events.listen('report')
    await events.close({ drain: 60_000 })
    expect(jest.getTimerCount()).toBe(0)
  })

  test('a second close returns the same promise; its smaller drain shortens, its longer one does not', async () => {
    jest.useFakeTimers()
    const { events } = start()
    const wait = watch(events.on('report', 1, 60_000))
    await settle()
    const first = events.close({ drain: 20_000 })
    jest.advanceTimersByTime(1000)
    expect(events.close({ drain: 30_000 })).toBe(first)
    // Of the time since the first call.
    expect(events.close({ drain: 5000 })).toBe(first)
    jest.advanceTimersByTime(3999)
    await settle()
    expect(wait.state).toBe('pending')
    jest.advanceTimersByTime(1)
    await settle()
    expect(wait.value).toEqual(closedError)
    await first
  })

  test('a second close without drain ends it at once', async () => {
    const { events } = start()
    const wait = rejection(events.on('report', 1))
    void events.close({ drain: 60_000 })
    await events.close()
    expect(await wait).toEqual(closedError)
  })
})

describe('rule 9: a drain lets what is under way come to its end', () => {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  test('a request emits after its last wait, twice, in functions of functions', async () => {
    const { events, transport, told } = start()
    const log = async (text: string): Promise<void> => {
      await Promise.resolve()
      await events.emit('log', 1, text)
    }
    const request = async (): Promise<void> => {
      const [url] = await events.on('report', 1)
      await log(url)
      await turn()
      await log('done')
    }
    const requests = request()
    await settle()
    transport.deliver({ name: 'report', id: '1' }, ['/1'])
    await Promise.all([requests, events.close({ drain: 60_000 })])
    expect(transport.log.slice(-3)).toEqual(['publish log:1', 'publish log:1', 'close'])
    expect(told).toEqual([])
  })

  test.each<[string, (id: number) => unknown, (transport: ReturnType<typeof start>['transport']) => void]>([
    ['a timeout', () => ({ timeout: 5 }), () => {}],
    ['an abort', () => ({ signal: AbortSignal.timeout(5) }), () => {}],
    [
      'a failure',
      () => ({}),
      (transport) => transport.deliverFailure({ name: 'report', id: '1' }, { name: 'E', message: '' }),
    ],
  ])('%s, and the request emits', async (_, options, happen) => {
    const { events, transport, told } = start()
    const request = events.on('report', 1, options(1) as object).catch(() => events.emit('cancel', 1))
    await settle()
    const closed = events.close({ drain: 60_000 })
    happen(transport)
    await Promise.all([request, closed])
    expect(transport.log.slice(-2)).toEqual(['publish cancel:1', 'close'])
    expect(told).toEqual([])
  })

  test.each<[string, () => Promise<unknown>]>([
    ['a timer of 0 ms', () => delay(0)],
    ['a timer of 20 ms', () => delay(20)],
    [
      'a loop that was blocked for longer than a drain rests',
      () => {
        const until = performance.now() + 120
        while (performance.now() < until);
        return turn()
      },
    ],
  ])('between a wait and its emit a request may wait for %s', async (_, between) => {
    const { events, transport, told } = start()
    const request = async (): Promise<void> => {
      await events.on('report', 1)
      await between()
      await events.emit('first', 1)
      await between()
      await events.emit('last', 1)
    }
    const requests = request()
    await settle()
    const closed = events.close({ drain: 60_000 })
    transport.deliver({ name: 'report', id: '1' }, [])
    await Promise.all([requests, closed])
    expect(transport.log.slice(-3)).toEqual(['publish first:1', 'publish last:1', 'close'])
    expect(told).toEqual([])
  })

  test('the end of a stream, and its reader emits', async () => {
    const { events, transport } = start()
    const parts: unknown[] = []
    const read = async (): Promise<void> => {
      for await (const [part] of events.stream('part', 1, { until: (text) => text === 'end' })) parts.push(part)
      await events.emit('done', 1)
    }
    const reading = read()
    await settle()
    const closed = events.close({ drain: 60_000 })
    transport.deliver({ name: 'part', id: '1' }, ['end'])
    await Promise.all([reading, closed])
    expect(transport.log.slice(-2)).toEqual(['publish done:1', 'close'])
  })

  test('a listener that was started by the message which ended the last wait', async () => {
    const { events, transport, told } = start()
    await events.listen('report', async () => {
      await turn()
      await events.emit('first', 1)
      await turn()
      await events.emit('second', 1)
    })
    const wait = events.on('report', 1)
    const closed = events.close({ drain: 60_000 })
    transport.deliver({ name: 'report', id: '1' }, [])
    await Promise.all([wait, closed])
    expect(transport.log.slice(-3)).toEqual(['publish first:1', 'publish second:1', 'close'])
    expect(told).toEqual([])
  })

  test('an emit that takes long, a peek and a forget, each with an emit behind it', async () => {
    const { events, transport, told } = start({ keeper: true, manual: ['publish', 'recall', 'forget'] })
    const work = async (): Promise<void> => {
      await events.emit('first', 1)
      await events.peek('report', 1)
      await events.forget('report', 1)
      await events.emit('last', 1)
    }
    const working = work()
    const closed = events.close({ drain: 60_000 })
    for (const script of ['publishes', 'recalls', 'forgets', 'publishes'] as const) {
      for (let turns = 0; turns < 20; turns++) await settle()
      transport[script].last.answer()
    }
    await Promise.all([working, closed])
    expect(transport.log.slice(-2)).toEqual(['publish last:1', 'close'])
    expect(told).toEqual([])
  })

  test('but it ends when its time is over, and soon when nothing is under way', async () => {
    const { events } = start({ manual: ['publish'] })
    await events.close({ drain: 60_000 })
    const other = start()
    void other.events.on('report', 1)
    await other.events.close({ drain: 5 })
    expect(other.events.stats().settled.closed).toBe(1)
  })
})

describe('rule 9: a drain waits for listeners at work', () => {
  test('a worker answers what it is working on, and the drain ends with that', async () => {
    const { events, transport } = start()
    let finish!: () => void
    const work = new Promise<void>((resolve) => {
      finish = resolve
    })
    await events.listen('job', async (id) => {
      await work
      await events.emit('report', id, 'done')
    })
    transport.deliver({ name: 'job', id: '1' }, [])
    let closed = false
    const closing = events.close({ drain: 60_000 }).then(() => {
      closed = true
    })
    await settle()
    expect(closed).toBe(false)
    finish()
    await closing
    expect(transport.publishes.calls.map(({ asked }) => asked.key)).toContainEqual({ name: 'report', id: '1' })
  })

  test('a listener that never finishes is left when the drain is over', async () => {
    const { events, transport } = start()
    await events.listen('job', () => new Promise(() => {}))
    transport.deliver({ name: 'job', id: '1' }, [])
    await events.close({ drain: 20 })
    expect(transport.closes.count).toBe(1)
  })
})
