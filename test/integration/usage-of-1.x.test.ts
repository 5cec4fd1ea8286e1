import { eventually } from '@server-events/testing'
import { ServerEvents, TimeoutError } from 'server-events'
import { onEveryTransport } from './support/stage'

// Every usage example of 1.2.0, with only the construction changed.
onEveryTransport(({ connect }) => {
  test('an emit resolves a wait in another process', async () => {
    const api = connect()
    const worker = connect()
    await api.init()
    const wait = api.on('pi event', 314)
    // A plain event is seen once the subscription stands; in one process 1.x users relied on it.
    await api.emit('another event', 1)
    await api.listen('pi event')
    await worker.emit('pi event', 314, 'arg1', 1, { type: 'object' })
    expect(await wait).toEqual(['arg1', 1, { type: 'object' }])
  })

  test('an emit right after the wait, in one process, with then and destructuring', async () => {
    const events = connect()
    const seen = events.on('pi event', 314).then(([a, b, c]) => ({ a, b, c }))
    void events.emit('pi event', 314, 'arg1', 1, { type: 'object' })
    expect(await seen).toEqual({ a: 'arg1', b: 1, c: { type: 'object' } })
  })

  test('a timeout rejects, given by call or by property', async () => {
    const events = connect()
    await expect(events.on('ev', 101, 50)).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      event: 'ev',
      id: '101',
      timeout: 50,
    })
    events.timeout = 60
    await expect(events.on('ev', 101)).rejects.toThrow(TimeoutError)
    await expect(events.on('ev', 101)).rejects.toMatchObject({ timeout: 60 })
  })

  test('onerror takes (store, error), onready takes (store)', async () => {
    const events = connect()
    const errors: [string, unknown][] = []
    const ready = new Set<string>()
    events.onerror((store, error) => errors.push([store, (error as { code?: unknown }).code]))
    events.onready((store) => ready.add(store))
    await events.init()
    await events.on('ev', 1, 30).catch(() => undefined)
    await events.emit('', 1).catch(() => undefined)
    await eventually(() => ready.size === 2)
    expect([...ready].sort()).toEqual(['inputStore', 'outputStore'])
    expect(errors).toEqual([['inputStore', 'ERR_INVALID_ARGUMENT']])
  })

  test('emits that nobody awaits or waits for disturb nobody', async () => {
    const events = connect({ listen: ['ev'] })
    await events.init()
    void events.emit('ev', 1)
    void events.emit('ev', 2, null)
    const wait = events.on('ev', 3, 5_000)
    void events.emit('ev', 3)
    expect(await wait).toEqual([])
  })

  test('12, 12n and "12" are one id', async () => {
    const events = connect({ listen: ['ev'] })
    await events.init()
    const waits = [events.on('ev', 12), events.on('ev', 12n), events.on('ev', '12')]
    await events.emit('ev', 12, 'x')
    expect(await Promise.all(waits)).toEqual([['x'], ['x'], ['x']])
  })

  test('several waits on one (name, id): each its own timeout and its own args, all get the event', async () => {
    const events = connect({ listen: ['ev'] })
    await events.init()
    const patient = [events.on('ev', 7, 20_000), events.on('ev', 7, 30_000)]
    const hasty = events.on('ev', 7, 30)
    await expect(hasty).rejects.toMatchObject({ timeout: 30 })
    await events.emit('ev', 7, { n: 1 })
    const [first, second] = await Promise.all(patient)
    expect([first, second]).toEqual([[{ n: 1 }], [{ n: 1 }]])
    expect((first as unknown[])[0]).not.toBe((second as unknown[])[0])
  })

  test('a failure rejects every wait with what the producer told of its error', async () => {
    const events = connect({ listen: ['ev'] })
    await events.init()
    const waits = [events.on('ev', 8), events.on('ev', 8)]
    const error = Object.assign(new RangeError('too many'), { code: 'E_MANY', data: { limit: 3 } })
    await events.fail('ev', 8, error)
    for (const outcome of await Promise.allSettled(waits)) {
      expect(outcome).toMatchObject({
        reason: {
          code: 'ERR_REMOTE',
          remoteName: 'RangeError',
          message: 'too many',
          remoteCode: 'E_MANY',
          data: { limit: 3 },
        },
      })
    }
  })
})

test('the construction is the only change', () => {
  expect(() => new ServerEvents({} as never)).toThrow('transport')
})
