import { TimeoutError } from 'server-events'
import type { Message } from 'server-events'
import { rejection, settle, start, watch } from './support/harness'
import type { Started } from './support/harness'
import { eventOf, failureOf } from './support/scripted-transport'
import type { ScriptedOptions } from './support/scripted-transport'

const key = (id: number | string): { name: string; id: string } => ({ name: 'report', id: String(id) })
const unavailable = (): Error => Object.assign(new Error('store away'), { code: 'ERR_CONNECTION' })

/** The keys of each call to the store. */
const asked = ({ transport }: Started): string[][] =>
  transport.recalls.calls.map((call) => call.asked.map(({ name, id }) => `${name}:${id}`))

const startKept = (scripted: ScriptedOptions = {}, more: object = {}): Started =>
  start({ keeper: true, ...scripted }, { keep: 60_000, ...more })

/** A pending wait whose first recall has missed, on fake timers. */
async function startMissed(timeout: number, more: object = {}): Promise<Started & { wait: ReturnType<typeof watch> }> {
  jest.useFakeTimers()
  const started = startKept({}, more)
  const wait = watch(started.events.on('report', 1, timeout))
  await settle()
  expect(started.transport.recalls.count).toBe(1)
  return { ...started, wait }
}

async function pass(ms: number): Promise<void> {
  jest.advanceTimersByTime(ms)
  await settle()
}

describe('rule 3: order', () => {
  test.each(['name', 'id'] as const)('register, subscribe, confirmed, then recall (routing %s)', async (routing) => {
    const started = startKept({ routing, manual: ['subscribe'] })
    const { events, transport } = started
    const wait = events.on('report', 1)
    expect(events.stats().pending).toBe(1)
    await settle()
    expect(transport.recalls.count).toBe(0)
    transport.keep(key(1), eventOf(['kept']))
    transport.subscribes.last.answer()
    expect(await wait).toEqual(['kept'])
    expect(asked(started)).toEqual([['report:1']])
    expect(events.stats().settled).toMatchObject({ recall: 1, event: 0 })
  })

  test('an event that comes while the recall is in flight settles the wait; the late answer is dropped', async () => {
    const { events, transport, told } = startKept({ manual: ['recall'] })
    const wait = events.on('report', 1)
    await settle()
    transport.deliver(key(1), ['live'])
    expect(await wait).toEqual(['live'])
    transport.recalls.last.resolve([eventOf(['kept'])])
    await settle()
    expect(events.stats().settled).toMatchObject({ event: 1, recall: 0 })
    expect(told).toEqual([])
  })

  test('a wait on a subscription that stands recalls at once', async () => {
    const started = startKept()
    await started.events.listen('report')
    started.transport.keep(key(1), eventOf(['kept']))
    expect(await started.events.on('report', 1)).toEqual(['kept'])
  })

  test('the store is asked behind what the caller begins in the same tick', async () => {
    const { events, transport } = startKept()
    await events.listen('report')
    const done: string[] = []
    void events.on('report', 1).catch(() => undefined)
    process.nextTick(() => done.push(`begun, asked ${transport.recalls.count} times`))
    await settle()
    expect([...done, `asked ${transport.recalls.count} times`]).toEqual(['begun, asked 0 times', 'asked 1 times'])
  })

  test('a kept failure rejects with RemoteError, counted as failure', async () => {
    const { events, transport } = startKept()
    transport.keep(key(1), failureOf({ name: 'RangeError', message: 'no disk' }))
    expect(await rejection(events.on('report', 1))).toMatchObject({ code: 'ERR_REMOTE', remoteName: 'RangeError' })
    expect(events.stats().settled).toMatchObject({ failure: 1, recall: 0 })
  })

  test.each([
    ['recall is false', { recall: false }, 'report'],
    ['the name is not kept', {}, 'other'],
  ])('no recall when %s', async (_, options, name) => {
    const started = start({ keeper: true }, { keep: { report: 1000 } })
    const error = await rejection(started.events.on(name, 1, { timeout: 60, ...options }))
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', recalled: 'never' })
    expect(asked(started)).toEqual([])
  })
})

describe('rule 3: recalls of one tick', () => {
  test('are one call, with one key per id', async () => {
    const started = startKept()
    await started.events.listen('report')
    for (const id of [1, 2, 1, 3, 2]) void started.events.on('report', id)
    await settle()
    expect(asked(started)).toEqual([['report:1', 'report:2', 'report:3']])
  })

  test('many are bounded in flight, nearest deadlines first, and all are asked', async () => {
    const started = startKept({ manual: ['recall'] })
    const { events, transport } = started
    await events.listen('report')
    const count = 3000
    for (let id = 0; id < count; id++) void events.on('report', id, 10_000_000 - id * 1000)
    await settle()
    const atFirst = asked(started).flat()
    expect(atFirst.length).toBeLessThan(count)
    // The last ones have the nearest deadlines.
    const nearest = Array.from({ length: atFirst.length }, (_, index) => `report:${count - 1 - index}`)
    expect(new Set(atFirst)).toEqual(new Set(nearest))
    for (let calls = 0; calls < transport.recalls.count; calls++) {
      transport.recalls.calls[calls]!.answer()
      await settle()
    }
    expect(new Set(asked(started).flat()).size).toBe(count)
    expect(asked(started).flat()).toHaveLength(count)
  })
})

describe('rule 3: after an interruption', () => {
  test('all pending kept waits are recalled within 250 ms of the restoration, in one call', async () => {
    jest.useFakeTimers()
    const started = startKept()
    const { events, transport } = started
    const waits = [1, 2].map((id) => watch(events.on('report', id)))
    const plain = watch(events.on('report', 3, { recall: false }))
    await settle()
    transport.down('outputStore')
    for (const id of [1, 2, 3]) transport.keep(key(id), eventOf([id]))
    await settle()
    expect(asked(started)).toHaveLength(1)
    transport.up('outputStore')
    await pass(250)
    expect(asked(started)).toEqual([
      ['report:1', 'report:2'],
      ['report:1', 'report:2'],
    ])
    expect(waits.map(({ value }) => value)).toEqual([[1], [2]])
    expect(plain.state).toBe('pending')
    expect(events.stats().settled.restored).toBe(2)
  })

  test('the moment is random, but one with a nearer deadline is recalled at once', async () => {
    jest.useFakeTimers()
    jest.spyOn(Math, 'random').mockReturnValue(0.5)
    const started = startKept()
    const { events, transport } = started
    void events.on('report', 'far')
    void events.on('report', 'near', 100)
    await settle()
    transport.down('outputStore')
    transport.up('outputStore')
    await settle()
    expect(asked(started).slice(1)).toEqual([['report:near']])
    await pass(124)
    expect(
      asked(started)
        .flat()
        .filter((address) => address === 'report:far'),
    ).toHaveLength(1)
    await pass(1)
    expect(
      asked(started)
        .flat()
        .filter((address) => address === 'report:far'),
    ).toHaveLength(2)
    jest.restoreAllMocks()
  })

  test('a wait made while it was down is recalled too', async () => {
    jest.useFakeTimers()
    const { events, transport } = startKept()
    await events.listen('report')
    transport.down('outputStore')
    const wait = watch(events.on('report', 1))
    transport.keep(key(1), eventOf(['kept']))
    await settle()
    expect(wait.state).toBe('pending')
    transport.up('outputStore')
    await pass(250)
    expect(wait.value).toEqual(['kept'])
  })

  test('not at the first up: the subscription has its own recall', async () => {
    jest.useFakeTimers()
    const started = startKept({ manual: ['subscribe'] })
    const wait = watch(started.events.on('report', 1, 60_000))
    // The engine has read the confirmation before it hears of the connection.
    started.transport.subscribes.last.resolve()
    await settle()
    started.transport.up('outputStore')
    await pass(300)
    expect(started.transport.log).toEqual(['subscribe report', 'recall report:1'])
    expect(started.events.stats().outputStore.connected).toBe(true)
    expect(wait.state).toBe('pending')
  })

  test('a second interruption is a second restoration', async () => {
    jest.useFakeTimers()
    const started = startKept()
    const wait = watch(started.events.on('report', 1, 60_000))
    await settle()
    for (let round = 1; round <= 3; round++) {
      started.transport.down('outputStore')
      started.transport.up('outputStore')
      await pass(250)
      expect(started.transport.recalls.count).toBe(1 + round)
    }
    expect(wait.state).toBe('pending')
  })
})

describe('rule 3: backstop', () => {
  test('every `backstop` ms ±15 % while a kept wait is pending', async () => {
    const { transport, wait, events } = await startMissed(1_000_000, { backstop: 1000 })
    let before = 1
    for (let round = 1; round <= 20; round++) {
      await pass(849)
      expect(transport.recalls.count).toBe(before)
      for (let step = 0; step < 302 && transport.recalls.count === before; step++) await pass(1)
      expect(transport.recalls.count).toBe(++before)
    }
    transport.keep(key(1), eventOf(['kept']))
    await pass(1150)
    expect(wait.value).toEqual(['kept'])
    expect(events.stats().settled.backstop).toBe(1)
  })

  test('varies, so that processes do not fall into step', async () => {
    const moments = new Set<number>()
    for (const random of [0, 0.5, 1]) {
      jest.spyOn(Math, 'random').mockReturnValue(random)
      const { transport } = await startMissed(1_000_000, { backstop: 1000 })
      let ms = 0
      while (transport.recalls.count < 2) {
        ms++
        await pass(1)
      }
      moments.add(ms)
      jest.restoreAllMocks()
      jest.useRealTimers()
    }
    expect([...moments]).toEqual([850, 1000, 1150])
  })

  test('ends with the last kept wait', async () => {
    const { transport, wait } = await startMissed(1_000_000, { backstop: 1000 })
    transport.deliver(key(1), [])
    await settle()
    expect(wait.state).toBe('resolved')
    await pass(1150)
    const { count } = transport.recalls
    // The linger timer is the only one.
    expect(jest.getTimerCount()).toBe(1)
    expect(transport.recalls.count).toBe(count)
  })
})

describe('rule 3: the last look', () => {
  test.each([
    [10_000, 9000],
    [1000, 900],
    [501, 450],
    [500, 450],
    [200, 150],
    [60, 10],
    [51, 1],
  ])('of a wait of %d ms comes at %d', async (timeout, moment) => {
    const { transport, wait, events } = await startMissed(timeout)
    await pass(moment - 1)
    expect(transport.recalls.count).toBe(1)
    transport.keep(key(1), eventOf(['kept']))
    await pass(1)
    expect(transport.recalls.count).toBe(2)
    expect(wait.value).toEqual(['kept'])
    expect(events.stats().settled).toMatchObject({ backstop: 1, timeout: 0 })
  })

  test.each([1, 49, 50])('a wait of %d ms has none', async (timeout) => {
    const { transport, wait } = await startMissed(timeout)
    await pass(timeout)
    expect(transport.recalls.count).toBe(1)
    expect(wait.value).toMatchObject({ code: 'ERR_TIMEOUT', recalled: 'answered' })
  })

  test('moves the deadline by nothing', async () => {
    const { wait } = await startMissed(1000)
    await pass(999)
    expect(wait.state).toBe('pending')
    await pass(1)
    expect(wait.value).toMatchObject({ code: 'ERR_TIMEOUT', timeout: 1000 })
  })

  test('is made on real timers too', async () => {
    const { events, transport } = startKept()
    // A machine that stalls for as long as the last look is ahead is given a longer wait.
    for (const [id, timeout] of [120, 1_000, 8_000].entries()) {
      const { count } = transport.recalls
      const wait = events.on('report', id, timeout)
      await settle()
      transport.keep(key(id), eventOf(['kept']))
      const found = await wait.catch((error: unknown) => error)
      if (found instanceof TimeoutError && timeout < 8_000) continue
      expect([found, transport.recalls.count - count]).toEqual([['kept'], 2])
      break
    }
  })

  test('that fails is tried once more before the deadline', async () => {
    const { transport, wait } = await startMissed(1000)
    transport.recalls.manual = true
    await pass(900)
    transport.recalls.last.resolve([unavailable()])
    await settle()
    transport.recalls.manual = false
    transport.keep(key(1), eventOf(['kept']))
    await pass(99)
    expect(wait.value).toEqual(['kept'])
  })
})

describe('rule 4: a hit', () => {
  test('serves every registered wait whose recall is not false', async () => {
    const { events, transport } = startKept({ manual: ['recall'] })
    await events.listen('report')
    const first = watch(events.on('report', 1))
    await settle()
    // Came after the question was sent, but before the answer.
    const second = watch(events.on('report', 1))
    const third = watch(events.on('report', 1, { recall: false }))
    transport.recalls.calls[0]!.resolve([eventOf([{ own: true }])])
    await settle()
    expect([first.value, second.value]).toEqual([[{ own: true }], [{ own: true }]])
    expect(first.value[0]).not.toBe(second.value[0])
    expect(third.state).toBe('pending')
    expect(events.stats().settled.recall).toBe(2)
  })

  test('that nobody waits for any more is dropped', async () => {
    const { events, transport, told } = startKept({ manual: ['recall'] })
    const wait = events.on('report', 1, 1)
    await settle()
    expect(await rejection(wait)).toMatchObject({ code: 'ERR_TIMEOUT', recalled: 'unanswered' })
    transport.recalls.last.resolve([eventOf(['late'])])
    await settle()
    expect(events.stats().settled).toMatchObject({ timeout: 1, recall: 0 })
    expect(told).toEqual([])
  })
})

describe('rule 4: a miss', () => {
  test('for an earlier wait does not count for a later one, which asks for itself', async () => {
    const started = startKept({ manual: ['recall'] })
    const { events, transport } = started
    await events.listen('report')
    const first = watch(events.on('report', 1))
    await settle()
    const second = watch(events.on('report', 1))
    await settle()
    expect(asked(started)).toEqual([['report:1'], ['report:1']])
    transport.recalls.calls[0]!.resolve([undefined])
    await settle()
    transport.recalls.calls[1]!.resolve([eventOf(['kept'])])
    await settle()
    expect([first.value, second.value]).toEqual([['kept'], ['kept']])
  })

  test('for an earlier wait is not the answer that a later one reports', async () => {
    const { events, transport } = startKept({ manual: ['recall'] })
    await events.listen('report')
    const first = events.on('report', 1, 30)
    await settle()
    const second = events.on('report', 1, 30)
    await settle()
    transport.recalls.calls[0]!.resolve([undefined])
    expect(await rejection(first)).toMatchObject({ recalled: 'answered' })
    expect(await rejection(second)).toMatchObject({ recalled: 'unanswered' })
  })

  test('before an interruption does not count after it', async () => {
    jest.useFakeTimers()
    const { events, transport } = startKept({ manual: ['recall'] })
    const wait = watch(events.on('report', 1))
    await settle()
    transport.down('outputStore')
    transport.recalls.last.resolve([undefined])
    transport.up('outputStore')
    await pass(250)
    transport.recalls.last.resolve([eventOf(['kept'])])
    await settle()
    expect(wait.value).toEqual(['kept'])
  })
})

describe('rule 4: an Error', () => {
  test('is not absence: it is asked again, with growing pauses, until the deadline', async () => {
    jest.useFakeTimers()
    const { events, transport } = startKept({ manual: ['recall'] })
    const wait = watch(events.on('report', 1, 60_000))
    await settle()
    const moments: number[] = []
    let ms = 0
    let answered = 0
    while (ms < 15_000) {
      for (; answered < transport.recalls.count; answered++) {
        transport.recalls.calls[answered]!.resolve([unavailable()])
        moments.push(ms)
        await settle()
      }
      await pass(5)
      ms += 5
    }
    const pauses = moments.slice(1).map((moment, index) => moment - moments[index]!)
    expect(pauses.length).toBeGreaterThan(5)
    expect(pauses.length).toBeLessThan(30)
    expect(pauses[0]).toBeLessThanOrEqual(100)
    expect([...pauses].sort((a, b) => a - b)).toEqual(pauses)
    transport.keep(key(1), eventOf(['kept']))
    transport.release()
    await pass(5000)
    expect(wait.value).toEqual(['kept'])
  })

  test('for one key is asked again for that key only', async () => {
    jest.useFakeTimers()
    const started = startKept({ manual: ['recall'] })
    const { events, transport } = started
    await events.listen('report')
    const waits = [1, 2, 3].map((id) => watch(events.on('report', id)))
    await settle()
    transport.recalls.last.resolve([eventOf([1]), unavailable(), undefined])
    await settle()
    await pass(100)
    expect(asked(started)).toEqual([['report:1', 'report:2', 'report:3'], ['report:2']])
    expect(waits.map(({ state }) => state)).toEqual(['resolved', 'pending', 'pending'])
  })

  test.each([
    ['rejects', () => Promise.reject(unavailable())],
    ['throws', () => thrower()],
    ['answers too few', () => Promise.resolve([])],
    ['answers nonsense', () => Promise.resolve(['nonsense'])],
  ])('a keeper that %s, against the contract, is asked again', async (_, answer: any) => {
    jest.useFakeTimers()
    const { events, transport } = startKept()
    jest.spyOn(transport.keeper!, 'recall').mockImplementationOnce(answer)
    transport.keep(key(1), eventOf(['kept']))
    const wait = watch(events.on('report', 1))
    await settle()
    expect(wait.state).toBe('pending')
    await pass(100)
    expect(wait.value).toEqual(['kept'])
  })

  test('of the server refusing rejects at once the waits that look for kept outcomes, and only those', async () => {
    const { events, transport } = startKept({ manual: ['recall'] })
    await events.listen('report')
    const refused = [events.on('report', 1), events.on('report', 1)]
    const plain = watch(events.on('report', 1, { recall: false }))
    const other = watch(events.on('report', 2))
    await settle()
    const forbidden = Object.assign(new Error('no GET'), { code: 'ERR_FORBIDDEN', channel: 'se:kept:report:1' })
    transport.recalls.last.resolve([forbidden, undefined])
    for (const wait of refused) {
      expect(await rejection(wait)).toMatchObject({ code: 'ERR_FORBIDDEN', channel: 'se:kept:report:1' })
    }
    expect([plain.state, other.state]).toEqual(['pending', 'pending'])
    expect(events.stats().settled.refused).toBe(2)
  })

  test('to the end of the wait: the timeout says that the store did not answer', async () => {
    const { events, transport } = startKept({ manual: ['recall'] })
    const wait = events.on('report', 1, 40)
    await settle()
    transport.recalls.last.resolve([unavailable()])
    const error = await rejection(wait)
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT', subscribed: true, recalled: 'unanswered' })
    expect(error.message).toContain('the store did not answer')
  })

  function thrower(): never {
    throw unavailable()
  }
})

describe('closing', () => {
  test('nothing is asked after it, and late answers do nothing', async () => {
    jest.useFakeTimers()
    const { events, transport, told } = startKept({ manual: ['recall'] }, { backstop: 1000 })
    const wait = watch(events.on('report', 1))
    await settle()
    const closed = events.close()
    await closed
    expect(wait.value).toMatchObject({ code: 'ERR_CLOSED' })
    transport.recalls.last.resolve([unavailable()])
    await pass(100_000)
    expect(transport.recalls.count).toBe(1)
    expect(told).toEqual([])
    expect(jest.getTimerCount()).toBe(0)
  })
})

test('kept outcomes are never missed, in whatever order the store, the broker and the wait come', async () => {
  // The emitter stores first, then publishes; the waiter subscribes first, then asks. All interleavings.
  const steps = ['store', 'publish', 'confirm', 'answer'] as const
  const orders = permutations([...steps]).filter(
    (order) => order.indexOf('store') < order.indexOf('publish') && order.indexOf('confirm') < order.indexOf('answer'),
  )
  expect(orders).toHaveLength(6)
  for (const order of orders) {
    const { events, transport } = startKept({ manual: ['subscribe', 'recall'] })
    const wait = watch(events.on('report', 1))
    let confirmed = false
    const message: Message = eventOf(['outcome'], { kept: true })
    for (const step of order) {
      if (step === 'store') transport.keep(key(1), message)
      if (step === 'publish' && confirmed) transport.deliver(key(1), ['outcome'], { kept: true })
      if (step === 'confirm') {
        confirmed = true
        transport.subscribes.last.answer()
      }
      if (step === 'answer') transport.recalls.last.answer()
      await settle()
    }
    expect({ order, value: wait.value }).toEqual({ order, value: ['outcome'] })
  }
})

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]))
}

describe('`recalled` of a timeout is about the last question', () => {
  test('a miss, and then the store was away', async () => {
    const { transport, wait } = await startMissed(1000)
    transport.recalls.manual = true
    await pass(900)
    while (wait.state === 'pending') {
      transport.recalls.last.resolve([unavailable()])
      await pass(10)
    }
    expect(wait.value).toMatchObject({ recalled: 'unanswered' })
    expect(wait.value.message).toContain('the store did not answer')
  })

  test('a miss, and then no answer', async () => {
    const { transport, wait } = await startMissed(1000)
    transport.recalls.manual = true
    await pass(1000)
    expect(wait.value).toMatchObject({ recalled: 'unanswered' })
  })

  test('a miss, and then a question that was not sent, since too many are in flight', async () => {
    jest.useFakeTimers()
    const { events, transport } = startKept()
    const wait = watch(events.on('report', 1, 1000))
    await settle()
    transport.recalls.manual = true
    // Four calls are under way at most.
    for (let other = 2; other <= 5; other++) {
      void events.on('report', other, 100_000)
      await settle()
    }
    expect(transport.recalls.count).toBe(5)
    await pass(1000)
    expect(transport.recalls.count).toBe(5)
    expect(wait.value).toMatchObject({ recalled: 'unanswered' })
  })

  test('the miss of an earlier question, which comes after the last was asked, does not count', async () => {
    jest.useFakeTimers()
    const { events, transport } = startKept({ manual: ['recall'] })
    const wait = watch(events.on('report', 1, 1000))
    await settle()
    await pass(900)
    expect(transport.recalls.count).toBe(2)
    transport.recalls.calls[0]!.resolve([undefined])
    await settle()
    await pass(100)
    expect(wait.value).toMatchObject({ recalled: 'unanswered' })
  })

  test('no answer, and then a miss', async () => {
    jest.useFakeTimers()
    const { events, transport } = startKept({ manual: ['recall'] })
    const wait = watch(events.on('report', 1, 1000))
    await settle()
    await pass(900)
    transport.recalls.calls[1]!.resolve([undefined])
    await settle()
    await pass(100)
    expect(wait.value).toMatchObject({ recalled: 'answered' })
  })

  test('of a stream as of a wait', async () => {
    jest.useFakeTimers()
    const { events, transport } = startKept()
    const next = watch(events.stream('report', 1, { timeout: 1000 }).next())
    await settle()
    transport.recalls.manual = true
    await pass(1000)
    expect(next.value).toMatchObject({ code: 'ERR_TIMEOUT', recalled: 'unanswered' })
  })
})
