import { AsyncLocalStorage } from 'node:async_hooks'
import { getEventListeners } from 'node:events'
import { rejection, settle, start, watch } from './support/harness'

describe('createId', () => {
  test('gives 22 characters of base64url that do not repeat', () => {
    const { events } = start()
    const ids = Array.from({ length: 10_000 }, () => events.createId())
    for (const id of ids) expect(id).toMatch(/^[\w-]{22}$/)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('spreads over all its characters', () => {
    const { events } = start()
    const seen = Array.from({ length: 21 }, () => new Set<string>())
    for (let made = 0; made < 2_000; made++) seen.forEach((chars, at) => chars.add(events.createId().charAt(at)))
    for (const chars of seen) expect(chars.size).toBe(64)
  })
})

describe('a request', () => {
  test('starts its work when the subscription stands, and resolves with the outcome', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    const started: unknown[] = []
    const request = events.request('report', (id, signal) => {
      started.push(id, signal.aborted)
      void events.emit('report', id, 'url', 7)
    })
    await settle()
    expect(started).toEqual([])
    transport.subscribes.last.answer()
    expect(await request).toEqual(['url', 7])
    expect(started).toEqual([expect.stringMatching(/^[\w-]{22}$/), false])
  })

  test('starts at once where the subscription stands', async () => {
    const { events } = start({}, { listen: ['report'] })
    await events.init()
    let started = false
    const request = events.request('report', (id) => {
      started = true
      void events.emit('report', id)
    })
    expect(started).toBe(true)
    expect(await request).toEqual([])
  })

  test('starts at once where the name is kept, also while nothing is subscribed', () => {
    const { events } = start({ keeper: true, manual: ['subscribe'] }, { keep: { report: 1000 } })
    const work = jest.fn()
    void events.request('report', work)
    expect(work).toHaveBeenCalledTimes(1)
    void events.request('report', work, { recall: false })
    expect(work).toHaveBeenCalledTimes(1)
  })

  test('that comes while the connection is lost starts when it is back', async () => {
    const { events, transport } = start({}, { listen: ['report'] })
    await events.init()
    transport.receiver.state('outputStore', false)
    const work = jest.fn()
    void events.request('report', work)
    await settle()
    expect(work).not.toHaveBeenCalled()
    transport.receiver.state('outputStore', true)
    await settle()
    expect(work).toHaveBeenCalledTimes(1)
    transport.receiver.state('outputStore', false)
    transport.receiver.state('outputStore', true)
    await settle()
    expect(work).toHaveBeenCalledTimes(1)
  })

  test('takes the id that it is given', async () => {
    const { events } = start()
    const ids: string[] = []
    const request = events.request('report', (id) => [ids.push(id), events.emit('report', 42, 'done')], { id: 42 })
    expect(await request).toEqual(['done'])
    expect(ids).toEqual(['42'])
  })

  test('resolves while what it started hangs, and drops what that rejects with later', async () => {
    const { events, told } = start()
    let fail!: (error: Error) => void
    const request = events.request('report', (id) => {
      void events.emit('report', id, 'done')
      return new Promise((_, reject) => {
        fail = reject
      })
    })
    expect(await request).toEqual(['done'])
    const unhandled = jest.fn()
    process.on('unhandledRejection', unhandled)
    fail(new Error('too late'))
    await settle()
    await settle()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
    expect(told).toEqual([])
  })

  test.each<[string, (error: Error) => unknown]>([
    [
      'throws',
      (error) => {
        throw error
      },
    ],
    ['rejects', (error) => Promise.reject(error)],
    [
      'gives what can be called and rejects',
      (error) => Object.assign(() => undefined, { then: (_: unknown, reject: (reason: Error) => void) => reject(error) }), // prettier-ignore
    ],
  ])('whose function %s rejects with that error, and waits no more', async (_, fails) => {
    const { events } = start()
    const error = new Error('the queue is full')
    let given: AbortSignal | undefined
    const request = events.request('report', (_, signal) => {
      given = signal
      return fails(error)
    })
    expect(await rejection(request)).toBe(error)
    expect(events.stats()).toMatchObject({ pending: 0, settled: { aborted: 1 } })
    expect(given?.reason).toBe(error)
  })

  test('times out while what it started hangs; its signal aborts with the TimeoutError', async () => {
    const { events } = start()
    let given: AbortSignal | undefined
    const request = events.request(
      'report',
      (_, signal) => {
        given = signal
        return new Promise(() => {})
      },
      { timeout: 30 },
    )
    const error = await rejection(request)
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', timeout: 30 })
    expect(given?.reason).toBe(error)
  })

  test('never starts when the subscription takes longer than the timeout', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    const work = jest.fn()
    const error = await rejection(events.request('report', work, 20))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', subscribed: false })
    transport.subscribes.last.answer()
    await settle()
    expect(work).not.toHaveBeenCalled()
  })

  test("ends with the caller's signal, and hands its reason on", async () => {
    const { events } = start()
    const controller = new AbortController()
    let given: AbortSignal | undefined
    const request = events.request('report', (_, signal) => void (given = signal), { signal: controller.signal })
    await settle()
    const reason = new Error('the client has gone')
    controller.abort(reason)
    expect(await rejection(request)).toBe(reason)
    expect(given?.reason).toBe(reason)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })

  test('with an aborted signal starts nothing', async () => {
    const { events } = start()
    const work = jest.fn()
    expect(await rejection(events.request('report', work, { signal: AbortSignal.abort('no') }))).toBe('no')
    expect(work).not.toHaveBeenCalled()
  })

  test('rejects with the failure that the producer told, which is an outcome: nothing is aborted', async () => {
    const { events } = start()
    let given: AbortSignal | undefined
    const request = events.request('report', (id, signal) => {
      given = signal
      void events.fail('report', id, new TypeError('no such report'))
    })
    expect(await rejection(request)).toMatchObject({ code: 'ERR_REMOTE', remoteName: 'TypeError' })
    expect(given?.aborted).toBe(false)
  })

  test('ends with close, and so does what it started', async () => {
    const { events } = start()
    let given: AbortSignal | undefined
    const request = watch(events.request('report', (_, signal) => void (given = signal)))
    await settle()
    await events.close()
    expect(request.value).toMatchObject({ code: 'ERR_CLOSED' })
    expect(given?.reason).toBe(request.value)
    expect(await rejection(events.request('report', () => {}))).toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('runs its function in the context of its caller, whoever subscribed', async () => {
    const { events, transport } = start({ manual: ['subscribe'] })
    const context = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const requests = ['first', 'second'].map((caller) =>
      context.run(caller, () =>
        events.request('report', (id) => {
          seen.push(context.getStore())
          return events.emit('report', id)
        }),
      ),
    )
    await settle()
    transport.subscribes.last.answer()
    await Promise.all(requests)
    expect(seen).toEqual(['first', 'second'])
  })

  test.each([
    ['no function', 'work', undefined],
    ['an unknown option', () => {}, { timout: 5 }],
    ['a bad id', () => {}, { id: '' }],
    ['a bad timeout', () => {}, { timeout: 0 }],
    ['a bad signal', () => {}, { signal: {} }],
  ])('refuses %s at the call', async (_, work: any, options: any) => {
    const { events, transport } = start()
    expect(await rejection(events.request('report', work, options))).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(transport.log).toEqual([])
  })
})
