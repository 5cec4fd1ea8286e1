import { inspect } from 'node:util'
import { settle, start, startUnheard } from './support/harness'

interface Warning {
  readonly message: string
  readonly type: string
  readonly code: string
}

/** The process warnings that `work` brings about. Not by process.on: what jest hands us is a copy of the process. */
async function warningsOf(work: () => unknown): Promise<Warning[]> {
  const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  await work()
  await settle()
  const warnings = emitWarning.mock.calls.map(([message, options]) => ({ ...(options as any), message }))
  emitWarning.mockRestore()
  return warnings
}

const away = (message = 'away'): Error => Object.assign(new Error(message), { code: 'ERR_CONNECTION' })

describe('onready', () => {
  test('is called each time a store is up, with its name', async () => {
    const { events, transport } = start()
    const ready: string[] = []
    events.onready((store) => ready.push(store))
    await events.emit('report', 1)
    await events.listen('report')
    await settle()
    transport.down('outputStore')
    transport.up('outputStore')
    expect(ready).toEqual(['inputStore', 'outputStore', 'outputStore'])
  })

  test('is called once it has returned for each store that already is up, and only for those', async () => {
    const { events, transport } = start()
    const ready: string[] = []
    await events.emit('report', 1)
    events.onready((store) => ready.push(store))
    await settle()
    expect(ready).toEqual(['inputStore'])
    transport.down('inputStore')
    events.onready((store) => ready.push(`late ${store}`))
    await settle()
    expect(ready).toEqual(['inputStore'])
  })

  test('a listener may end itself in its first call', async () => {
    const { events, transport } = start()
    await events.emit('report', 1)
    await events.listen('report')
    const ready: string[] = []
    const off = events.onready((store) => {
      ready.push(store)
      off()
    })
    await settle()
    transport.up('inputStore')
    expect(ready).toEqual(['inputStore'])
  })

  test('ends with the function that it returned, each by itself', () => {
    const { events, transport } = start()
    const ready: string[] = []
    const listener = (store: string): number => ready.push(store)
    const end = events.onready(listener)
    events.onready(listener)
    end()
    end()
    transport.up('inputStore')
    expect(ready).toEqual(['inputStore'])
  })
})

describe('onerror', () => {
  test('hears what the transport tells, as a fresh error of ours, for the side it belongs to', () => {
    const { events, transport, told } = start()
    const given = Object.assign(away('refused at db:6379'), { command: { args: ['password'] } })
    transport.error('inputStore', given)
    transport.up('outputStore')
    transport.down('outputStore', new TypeError('socket with a password'))
    expect(told.map(({ store, error }) => [store, error.code])).toEqual([
      ['inputStore', 'ERR_CONNECTION'],
      ['outputStore', 'ERR_CONNECTION'],
    ])
    expect(told[0]!.error.message).toBe('refused at db:6379')
    expect(inspect(told, { depth: 10, showHidden: true })).not.toContain('password')
    expect(events.stats()).toMatchObject({
      inputStore: { lastError: { message: 'refused at db:6379' } },
      outputStore: { connected: false, interruptions: 1, lastError: { code: 'ERR_CONNECTION' } },
    })
  })

  test('is called for each, by every listener that has not been ended', () => {
    const { events, transport, told } = start()
    let calls = 0
    const end = events.onerror(() => calls++)
    transport.error('inputStore', away())
    transport.error('inputStore', away())
    end()
    transport.error('inputStore', away())
    expect([calls, told.length]).toEqual([2, 3])
  })

  test('draws no warning while somebody listens', async () => {
    const { transport } = start()
    expect(await warningsOf(() => transport.error('inputStore', away()))).toEqual([])
  })
})

describe('without a listener for errors', () => {
  test('the first error of each kind is a process warning', async () => {
    const { events, transport } = startUnheard()
    const warnings = await warningsOf(async () => {
      for (let times = 0; times < 3; times++) {
        transport.error('inputStore', away('refused at db:6379'))
        transport.error('outputStore', away())
        await events.emit('', 1).catch(() => {})
      }
    })
    expect(warnings.map(({ type, code }) => [type, code])).toEqual([
      ['ServerEventsWarning', 'ERR_CONNECTION'],
      ['ServerEventsWarning', 'ERR_CONNECTION'],
      ['ServerEventsWarning', 'ERR_INVALID_ARGUMENT'],
    ])
    expect(warnings[0]!.message).toMatch(/inputStore: refused at db:6379.*onerror/)
  })
})

describe('a listener that throws or rejects', () => {
  test.each([
    ['throws', () => thrower()],
    ['rejects', () => Promise.reject(new RangeError('mine'))],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as users may
    ['rejects with no Error', () => Promise.reject(5)],
  ])('one of onready that %s ends up in a process warning', async (_, listener) => {
    const { events, transport, told } = start()
    const ready: string[] = []
    const warnings = await warningsOf(() => {
      events.onready(listener)
      events.onready((store) => ready.push(store))
      transport.up('inputStore')
    })
    expect(warnings).toHaveLength(1)
    expect(warnings[0]!.message).toContain('onready')
    expect(ready).toEqual(['inputStore'])
    expect(told).toEqual([])
  })

  test.each([
    ['throws', () => thrower()],
    ['rejects', () => Promise.reject(new RangeError('mine'))],
  ])('one of onerror that %s ends up in a process warning, without recursion', async (_, listener) => {
    const { events, transport, told } = startHeardBy(listener)
    const warnings = await warningsOf(() => transport.error('inputStore', away()))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]!.message).toContain('onerror')
    expect(told).toHaveLength(1)
    await events.emit('report', 1)
  })

  function startHeardBy(listener: () => unknown): ReturnType<typeof start> {
    const { events, transport } = startUnheard()
    const told: ReturnType<typeof start>['told'] = []
    events.onerror(listener)
    events.onerror((store, error) => told.push({ store, error }))
    return { events, transport, told }
  }

  function thrower(): never {
    throw new RangeError('mine')
  }
})

describe('stats', () => {
  test('is a snapshot of waits, names, emits, outcomes and both sides', async () => {
    const { events, transport } = start({ manual: ['publish'] })
    const zero = {
      event: 0,
      recall: 0,
      restored: 0,
      backstop: 0,
      failure: 0,
      timeout: 0,
      aborted: 0,
      refused: 0,
      closed: 0,
    }
    const before = events.stats()
    expect(before).toEqual({
      pending: 0,
      names: 0,
      busiest: [],
      queued: 0,
      settled: zero,
      inputStore: { connected: false, interruptions: 0 },
      outputStore: { connected: false, interruptions: 0 },
    })
    const wait = events.on('report', 1)
    await settle()
    void events.emit('other', 1)
    transport.deliver({ name: 'report', id: '1' }, [])
    void events.on('report', 2)
    await wait
    expect(events.stats()).toMatchObject({ pending: 1, names: 1, queued: 1, settled: { ...zero, event: 1 } })
    expect(before.settled).toEqual(zero)
  })

  test('names the ten with the most waits and streams, and no name without any', async () => {
    const { events } = start()
    for (let name = 1; name <= 12; name++) {
      for (let id = 0; id < name; id++) void events.on(`name ${name}`, id)
    }
    for (let id = 0; id < 20; id++) void events.stream('progress', id).ready
    await events.listen('progress', () => {})
    await events.listen('heard only', () => {})
    const { busiest, names } = events.stats()
    expect(names).toBe(14)
    expect(busiest).toHaveLength(10)
    expect(busiest[0]).toEqual({ name: 'progress', waits: 0, streams: 20, listeners: 1 })
    expect(busiest[1]).toEqual({ name: 'name 12', waits: 12, streams: 0, listeners: 0 })
    expect(busiest[9]).toMatchObject({ name: 'name 4' })
  })
})

describe('a TimeoutError tells how long the wait was without a connection', () => {
  test('0 when connected throughout', async () => {
    jest.useFakeTimers()
    const { events } = start()
    await events.listen('report')
    await settle()
    const wait = events.on('report', 1, 1000).catch((error: unknown) => error)
    jest.advanceTimersByTime(1000)
    expect(await wait).toMatchObject({ disconnected: 0, subscribed: true })
  })

  test('the sum of the gaps within the wait', async () => {
    jest.useFakeTimers()
    const { events, transport } = start()
    await events.listen('report')
    await settle()
    // Before the wait: it does not count.
    transport.down('outputStore')
    jest.advanceTimersByTime(500)
    const wait = events.on('report', 1, 1000).catch((error: unknown) => error)
    jest.advanceTimersByTime(100)
    transport.up('outputStore')
    jest.advanceTimersByTime(300)
    transport.down('outputStore')
    jest.advanceTimersByTime(50)
    transport.up('outputStore')
    jest.advanceTimersByTime(450)
    transport.down('outputStore')
    jest.advanceTimersByTime(100)
    expect(await wait).toMatchObject({ disconnected: 250, message: expect.stringContaining('250 ms') })
  })
})
