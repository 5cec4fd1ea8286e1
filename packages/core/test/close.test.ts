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
    const closed = watch(events.close({ drain: 10_000 }))
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
    expect(closed.state).toBe('resolved')
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
