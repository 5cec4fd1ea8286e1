import { RemoteError } from 'server-events'
import { rejection, settle, start, watch } from './support/harness'

const forbidden = (): Error => Object.assign(new Error('no permission'), { code: 'ERR_FORBIDDEN' })

describe('listen', () => {
  test('resolves when the subscription stands; from then on every event calls the listener, with id and args', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    const calls: unknown[][] = []
    const listening = watch(events.listen('report', (...args) => calls.push(args)))
    await settle()
    expect(listening.state).toBe('pending')
    transport.subscribes.last.answer()
    await settle()
    expect(listening.state).toBe('resolved')
    transport.deliver({ name: 'report', id: '1' }, ['a', { b: 1 }])
    transport.deliver({ name: 'report', id: '2' }, [])
    transport.deliver({ name: 'other', id: '1' }, [])
    expect(calls).toEqual([['1', 'a', { b: 1 }], ['2']])
  })

  test('routing id: it subscribes the whole name, and a wait on it still gets its events once', async () => {
    const { events, transport } = start({ routing: 'id' })
    const ids: string[] = []
    const listening = await events.listen('report', (id) => ids.push(id))
    expect(transport.log).toEqual(['subscribe report'])
    const wait = events.on('report', 1)
    await events.emit('report', 1, 'done')
    expect(await wait).toEqual(['done'])
    expect(ids).toEqual(['1'])
    await listening.close()
    await settle()
    expect(transport.log.slice(-1)).toEqual(['unsubscribe report'])
    expect(events.stats().names).toBe(0)
  })

  test('without a listener: it keeps the name subscribed, so that no wait comes too late', async () => {
    const { events, transport } = start()
    await events.listen('report')
    expect(transport.receiver.wants({ name: 'report', id: '1' })).toBe(false)
    const wait = events.on('report', 1)
    transport.deliver({ name: 'report', id: '1' }, ['at once'])
    expect(await wait).toEqual(['at once'])
  })

  test('each listener gets args of its own', async () => {
    const { events, transport } = start()
    const seen: any[] = []
    const first = await events.listen('report', (_, arg) => seen.push(arg))
    const second = await events.listen('report', (_, arg) => seen.push(arg))
    transport.deliver({ name: 'report', id: '1' }, [{}])
    expect(seen).toEqual([{}, {}])
    expect(seen[0]).not.toBe(seen[1])
    await Promise.all([first.close(), second.close()])
  })

  test('a listener given twice is called twice, and each leaves by itself', async () => {
    const { events, transport } = start()
    let calls = 0
    const listener = (): number => ++calls
    const first = await events.listen('report', listener)
    await events.listen('report', listener)
    transport.deliver({ name: 'report', id: '1' }, [])
    expect(calls).toBe(2)
    await first.close()
    await first.close()
    transport.deliver({ name: 'report', id: '1' }, [])
    expect(calls).toBe(3)
  })

  test('after `close` of a listening its listener is not called, not even by the event being dispatched', async () => {
    const { events, transport } = start()
    const calls: string[] = []
    await events.listen('report', () => {
      calls.push('first')
      void second.close()
    })
    const second = await events.listen('report', () => calls.push('second'))
    transport.deliver({ name: 'report', id: '1' }, [])
    transport.deliver({ name: 'report', id: '2' }, [])
    expect(calls).toEqual(['first', 'first'])
  })

  test('`await using` ends it', async () => {
    const { events, transport } = start()
    const calls: string[] = []
    const listening = await events.listen('report', (id) => calls.push(id))
    await listening[Symbol.asyncDispose]()
    transport.deliver({ name: 'report', id: '1' }, [])
    expect(calls).toEqual([])
  })

  test('its subscription lingers after `close`, and no longer', async () => {
    jest.useFakeTimers()
    const { events, transport } = start()
    const listening = await events.listen('report', () => {})
    await listening.close()
    jest.advanceTimersByTime(29_999)
    expect(transport.unsubscribes.count).toBe(0)
    jest.advanceTimersByTime(1)
    await settle()
    expect(transport.unsubscribes.count).toBe(1)
    expect(events.stats().names).toBe(0)
  })

  test('what a listener throws or rejects with goes to onerror as it is, and stops nothing', async () => {
    const { events, transport, told } = start()
    const thrown = new RangeError('from the listener')
    const rejected = new TypeError('from the async listener')
    const calls: string[] = []
    await events.listen('report', () => {
      throw thrown
    })
    await events.listen('report', () => Promise.reject(rejected))
    await events.listen('report', (id) => calls.push(id))
    const wait = events.on('report', 1)
    transport.deliver({ name: 'report', id: '1' }, [])
    await wait
    await settle()
    expect(calls).toEqual(['1'])
    expect(told.map(({ store, error }) => [store, error])).toEqual([
      ['outputStore', thrown],
      ['outputStore', rejected],
    ])
    expect(told[0]!.error).toBe(thrown)
  })

  test('a listener that throws no Error is told as an Error that names the event, not the value', async () => {
    const { events, transport, told } = start()
    await events.listen('report', () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- as users may
      throw 'secret'
    })
    transport.deliver({ name: 'report', id: '1' }, [])
    expect(told[0]!.error).toBeInstanceOf(Error)
    expect(told[0]!.error.message).toContain('"report"')
    expect(told[0]!.error.message).not.toContain('secret')
  })
})

describe('failures', () => {
  const failure = { event: 'report', id: '1', remoteName: 'RenderError', message: 'no such template' }

  test('go to the third argument, as a RemoteError, and to no listener of events', async () => {
    const { events, transport } = start()
    const [heard, failed]: [unknown[], unknown[]] = [[], []]
    const listening = await events.listen(
      'report',
      (id, ...args) => heard.push([id, ...args]),
      (id, error) => failed.push(id, error),
    )
    transport.deliverFailure({ name: 'report', id: '1' }, { name: 'RenderError', message: 'no such template' })
    transport.deliver({ name: 'report', id: '2' }, ['url'])
    expect(heard).toEqual([['2', 'url']])
    expect(failed).toEqual(['1', expect.any(RemoteError)])
    expect(failed[1]).toMatchObject(failure)
    await listening.close()
    transport.deliverFailure({ name: 'report', id: '1' }, { name: 'RenderError', message: 'no such template' })
    expect(failed).toHaveLength(2)
  })

  test('are heard without a listener of events, and what that throws goes to onerror', async () => {
    const { events, transport, told } = start()
    const thrown = new TypeError('of the listener')
    await events.listen('report', undefined, () => Promise.reject(thrown))
    transport.deliver({ name: 'report', id: '1' }, [])
    transport.deliverFailure({ name: 'report', id: '1' }, { name: 'RenderError', message: 'no such template' })
    await settle()
    expect(told.map(({ error }) => error)).toEqual([thrown])
  })

  test('are listened for by a function only', async () => {
    const { events } = start()
    const error = await rejection(events.listen('report', () => {}, 'no' as never))
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('third argument') })
  })
})

describe('a listen that rejects', () => {
  test('after initTimeout: ConnectionError, and the topic is wanted no more', async () => {
    jest.useFakeTimers()
    const { events, transport } = start({ manual: ['subscribe'] }, { initTimeout: 3000 })
    const calls: string[] = []
    const listening = watch(events.listen('report', (id) => calls.push(id)))
    await settle()
    jest.advanceTimersByTime(2999)
    await settle()
    expect(listening.state).toBe('pending')
    jest.advanceTimersByTime(1)
    await settle()
    expect(listening.value).toMatchObject({ code: 'ERR_CONNECTION', sent: false })
    // Serialised: it has to stand before it can be ended.
    transport.release()
    await settle()
    transport.deliver({ name: 'report', id: '1' }, [])
    expect(calls).toEqual([])
    jest.advanceTimersByTime(30_000)
    await settle()
    expect(transport.log).toEqual(['subscribe report', 'unsubscribe report'])
    expect(events.stats().names).toBe(0)
  })

  test('with the last failure of connecting, which has host and port', async () => {
    jest.useFakeTimers()
    const { events, transport } = start({ manual: ['subscribe'] })
    const listening = watch(events.listen('report'))
    await settle()
    for (const port of [1, 2]) {
      transport.error('outputStore', Object.assign(new Error(`refused at host:${port}`), { code: 'ERR_CONNECTION' }))
    }
    jest.advanceTimersByTime(10_000)
    await settle()
    expect(listening.value).toMatchObject({ code: 'ERR_CONNECTION', message: 'refused at host:2' })
  })

  test.each(['ERR_FORBIDDEN', 'ERR_AUTH'])('at once with %s', async (code) => {
    const { events, transport } = start({ manual: ['subscribe'] })
    const listening = events.listen('report', () => {})
    transport.subscribes.last.reject(Object.assign(new Error('refused'), { code }))
    expect(await rejection(listening)).toMatchObject({ code, message: 'refused' })
    await settle()
    expect(events.stats().names).toBe(0)
    expect(transport.receiver.wants({ name: 'report', id: '1' })).toBe(false)
  })

  test('does not take others on the name with it: they are tried again', async () => {
    jest.useFakeTimers()
    const { events, transport } = start({ manual: ['subscribe'] }, { backstop: 1000, listen: ['report'] })
    const heard: string[] = []
    const listening = events.listen('report', (id) => heard.push(id))
    transport.subscribes.last.reject(forbidden())
    await rejection(listening)
    transport.release()
    jest.advanceTimersByTime(1000)
    await settle()
    expect(transport.subscribes.count).toBe(2)
    transport.deliver({ name: 'report', id: '1' }, [])
    expect(heard).toEqual([])
  })
})

describe('option listen', () => {
  test.each([
    ['on', (events: ReturnType<typeof start>['events']) => events.on('other', 1)],
    ['listen', (events: ReturnType<typeof start>['events']) => events.listen('other')],
    ['init', (events: ReturnType<typeof start>['events']) => events.init()],
  ])('is subscribed by the first %s, once', async (_, use) => {
    const { events, transport } = start({}, { listen: ['a', 'b', 'a'] })
    expect(transport.log).toEqual([])
    void use(events)
    void use(events)
    await settle()
    expect(transport.log.filter((line) => /subscribe [ab]/.test(line))).toEqual(['subscribe a', 'subscribe b'])
  })

  test('an event right after a wait on it arrives, with no subscription to wait for', async () => {
    const { events, transport } = start({}, { listen: ['report'] })
    await events.init()
    const wait = events.on('report', 1)
    transport.deliver({ name: 'report', id: '1' }, ['first'])
    expect(await wait).toEqual(['first'])
  })

  test('a refusal that no promise tells is told on onerror, and tried again', async () => {
    jest.useFakeTimers()
    const { events, transport, told } = start({ manual: ['subscribe'] }, { listen: ['report'], backstop: 1000 })
    void events.on('other', 1)
    transport.subscribes.calls[0]!.reject(forbidden())
    await settle()
    expect(told).toEqual([{ store: 'outputStore', error: expect.objectContaining({ code: 'ERR_FORBIDDEN' }) }])
    jest.advanceTimersByTime(1000)
    expect(transport.log).toEqual(['subscribe report', 'subscribe other', 'subscribe report'])
  })
})
