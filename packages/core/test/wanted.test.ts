import { AsyncLocalStorage } from 'node:async_hooks'
import { homeOf, UnwantedError } from 'server-events'
import type { Message } from 'server-events'
import { settle, start } from './support/harness'
import type { Started } from './support/harness'
import type { Publish } from './support/scripted-transport'

const key = { name: 'report', id: '42' }
const options = { every: 1000, within: 100 }

/** What was published and is a question or an answer, in short. */
function said({ transport }: Started): string[] {
  return transport.publishes.calls.map(({ asked }) => textOf(asked))
}

function textOf({ key: { name, id }, message: { kind, body } }: Publish): string {
  return kind === 'answer' ? `answer ${String(body)}` : `${kind} ${name}:${id}`
}

const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms)

/** The id that the last question is to be answered by. */
function replyOf({ transport }: Started): string {
  const questions = transport.publishes.calls.filter(({ asked }) => asked.message.kind === 'question')
  return String(questions.at(-1)?.asked.message.body)
}

function answer(started: Started, body: string, id = replyOf(started)): void {
  started.transport.receiver.deliver({ name: '_answers', id }, { kind: 'answer', body })
}

function question(body: Message['body']): Message {
  return { kind: 'question', body }
}

const reply = 'AAAAAAAAAAAAAAAAAAAAAA~AAAAaaaarko'

describe('who asks', () => {
  beforeEach(() => {
    jest.useFakeTimers()
  })

  test('subscribes a home of its own for answers, and asks when that stands', async () => {
    const started = start({ questions: true, manual: ['subscribe'] })
    const wanted = started.events.wanted('report', 42, options)
    expect(started.transport.log).toEqual([expect.stringMatching(/^subscribe _answers~[\w-]{11}$/)])
    await pass(50)
    expect(said(started)).toEqual([])
    started.transport.subscribes.last.answer()
    await pass(0)
    expect(said(started)).toEqual(['question report:42'])
    const { home } = started.transport.subscribes.last.asked
    expect(homeOf(replyOf(started))).toBe(home)
    expect(replyOf(started)).toMatch(/^[\w-]{22}~/)
    expect(wanted).toMatchObject({ now: undefined })
    // Ids that are made here have no label for that.
    expect(started.events.createId()).toMatch(/^[\w-]{22}$/)
  })

  test('asks every so many ms, and goes on while it is answered', async () => {
    const started = start({ questions: true })
    const wanted = started.events.wanted('report', 42, options)
    await pass(0)
    for (let round = 1; round <= 5; round++) {
      expect(said(started)).toHaveLength(round)
      await pass(60)
      answer(started, 'waits')
      expect(wanted.now).toBe(true)
      await pass(940)
    }
    expect(wanted.signal.aborted).toBe(false)
  })

  test('aborts when two successive questions were not answered', async () => {
    const started = start({ questions: true })
    const wanted = started.events.wanted('report', 42, options)
    await pass(100)
    expect(wanted).toMatchObject({ now: false, signal: { aborted: false } })
    await pass(999)
    expect(wanted.signal.aborted).toBe(false)
    await pass(2)
    expect(wanted.signal.reason).toBeInstanceOf(UnwantedError)
    expect(wanted.signal.reason).toMatchObject({
      code: 'ERR_UNWANTED',
      message: 'nobody waits for event "report" with id "42" any more: 2 questions in a row were not answered',
    })
    expect(said(started)).toEqual(['question report:42', 'answer echo 1', 'question report:42', 'answer echo 2'])
    await pass(5000)
    expect(said(started)).toHaveLength(4)
    expect(started.told).toEqual([])
  })

  test('goes on after one question without an answer', async () => {
    const started = start({ questions: true })
    const wanted = started.events.wanted('report', 42, options)
    for (let round = 0; round < 6; round++) {
      await pass(1000)
      if (round % 2 === 0) answer(started, 'waits')
    }
    expect(wanted.signal.aborted).toBe(false)
  })

  test('takes an answer that comes late for one', async () => {
    const started = start({ questions: true })
    const wanted = started.events.wanted('report', 42, options)
    await pass(500)
    answer(started, 'waits')
    expect(wanted.now).toBe(true)
    await pass(1000)
    expect(wanted).toMatchObject({ now: false, signal: { aborted: false } })
  })

  test('knows nothing while the side that hears is away, and begins anew', async () => {
    const started = start({ questions: true })
    const wanted = started.events.wanted('report', 42, options)
    await pass(500)
    started.transport.down('outputStore')
    await pass(60_000)
    expect(said(started)).toHaveLength(2)
    expect(wanted).toMatchObject({ now: undefined, signal: { aborted: false } })
    // That it is down, and nothing more.
    expect(started.told).toHaveLength(1)
    started.transport.up('outputStore')
    await pass(1100)
    expect(wanted).toMatchObject({ now: false, signal: { aborted: false } })
    await pass(1000)
    expect(wanted.signal.aborted).toBe(true)
  })

  test('does not count a question during which it was away for a moment', async () => {
    const started = start({ questions: true })
    const wanted = started.events.wanted('report', 42, options)
    for (let round = 0; round < 10; round++) {
      await pass(50)
      started.transport.down('outputStore')
      started.transport.up('outputStore')
      await pass(950)
    }
    expect(wanted.signal.aborted).toBe(false)
  })

  test('does not count a question while nothing comes back of what it sends to itself, and says so once', async () => {
    const started = start({ questions: true, manual: ['publish'] })
    const wanted = started.events.wanted('report', 42, options)
    for (let round = 0; round < 20; round++) {
      await pass(500)
      for (const { resolve } of started.transport.publishes.calls) resolve()
    }
    expect(wanted).toMatchObject({ now: undefined, signal: { aborted: false } })
    expect(started.told).toEqual([
      { store: 'inputStore', error: expect.objectContaining({ code: 'ERR_CONNECTION' }) as unknown },
    ])
  })

  test('neither counts nor repeats what the server refuses, and says so once', async () => {
    const started = start({ questions: true, manual: ['publish'] })
    const wanted = started.events.wanted('report', 42, options)
    const forbidden = Object.assign(new Error('no'), { code: 'ERR_FORBIDDEN' })
    for (let round = 0; round < 10; round++) {
      await pass(1000)
      started.transport.publishes.last.reject(forbidden)
    }
    expect(said(started)).toHaveLength(10)
    expect(wanted.signal.aborted).toBe(false)
    expect(started.told).toMatchObject([{ store: 'inputStore', error: { code: 'ERR_FORBIDDEN' } }])
  })

  test('asks nothing where answers may not be heard, and says so', async () => {
    const started = start({ questions: true, manual: ['subscribe'] })
    const wanted = started.events.wanted('report', 42, options)
    started.transport.subscribes.last.reject(Object.assign(new Error('no'), { code: 'ERR_FORBIDDEN' }))
    await pass(10_000)
    expect(said(started)).toEqual([])
    expect(wanted.signal.aborted).toBe(false)
    expect(started.told).toMatchObject([{ error: { code: 'ERR_FORBIDDEN' } }])
    // And asks again for what was refused, as for a listener.
    await pass(20_000)
    started.transport.subscribes.last.answer()
    await pass(1000)
    expect(said(started)).toEqual(['question report:42'])
  })

  test('asks when it is told that a wait has ended, but not as often as a peer likes', async () => {
    const started = start({ questions: true })
    const wanted = started.events.wanted('report', 42, options)
    await pass(1)
    answer(started, 'waits')
    for (let told = 0; told < 1000; told++) {
      answer(started, 'ended')
      await pass(1)
      answer(started, 'waits')
    }
    expect(said(started).length).toBeGreaterThan(8)
    expect(said(started).length).toBeLessThanOrEqual(11)
    answer(started, 'ended')
    await pass(1500)
    expect(wanted.signal.aborted).toBe(true)
  })

  test('hears an end also while its question is out', async () => {
    const started = start({ questions: true })
    started.events.wanted('report', 42, options)
    await pass(1)
    answer(started, 'ended')
    answer(started, 'waits')
    await pass(100)
    expect(said(started)).toEqual(['question report:42', 'question report:42'])
  })

  test.each([
    ['while its question is out', 50],
    ['after that question', 150],
  ])(
    'does not count questions in haste: told of an end %s, it gives who is away the time of two',
    async (_, toldAfter) => {
      const started = start({ questions: true })
      const wanted = started.events.wanted('report', 42, options)
      await pass(toldAfter)
      // By one that has waited too. The other one cannot answer before almost `every` has passed.
      answer(started, 'ended')
      await pass(990 - toldAfter)
      expect(wanted.signal.aborted).toBe(false)
      await pass(60)
      answer(started, 'waits')
      await pass(100)
      expect(wanted).toMatchObject({ now: true, signal: { aborted: false } })
    },
  )

  test('ends with close, with a using block and with the instance, and never aborts for that', async () => {
    const started = start({ questions: true })
    const wanted = [1, 2, 3].map((id) => started.events.wanted('report', id, options))
    await pass(50)
    wanted[0]?.close()
    wanted[0]?.close()
    wanted[1]?.[Symbol.dispose]()
    await pass(100)
    expect(said(started)).toHaveLength(4)
    jest.useRealTimers()
    await started.events.close()
    jest.useFakeTimers()
    await pass(10_000)
    expect(said(started)).toHaveLength(4)
    expect(wanted.map(({ signal }) => signal.aborted)).toEqual([false, false, false])
  })

  test('unsubscribes when nobody asks any more', async () => {
    const started = start({ questions: true })
    for (const id of [1, 2]) {
      const wanted = started.events.wanted('report', id, options)
      await pass(0)
      wanted.close()
    }
    await pass(70_000)
    expect(started.transport.log.filter((line) => line.includes('subscribe'))).toEqual([
      expect.stringMatching(/^subscribe _answers~/),
      expect.stringMatching(/^unsubscribe _answers~/),
    ])
    expect(started.events.stats().names).toBe(0)
  })

  test('has a bound of what is with the transport at a time', async () => {
    const started = start({ questions: true, manual: ['publish'] })
    for (let id = 0; id < 1000; id++) started.events.wanted('report', id, options)
    await pass(0)
    expect(said(started)).toHaveLength(256)
    started.transport.release()
    await pass(10)
    expect(said(started)).toHaveLength(1000)
  })

  test("asks in nobody's context", async () => {
    const context = new AsyncLocalStorage<string>()
    const started = start({ questions: true })
    const seen: unknown[] = []
    const publish = started.transport.publish.bind(started.transport)
    started.transport.publish = (...args) => {
      seen.push(context.getStore())
      return publish(...args)
    }
    context.run('a transaction', () => started.events.wanted('report', 42, options))
    await pass(1000)
    expect(seen).toEqual([undefined, undefined, undefined])
  })
})

test('a wanted refuses what it cannot do, at the call', async () => {
  const { events } = start({ questions: true })
  expect(() => events.wanted('report', 42, { every: 0 })).toThrow('every must be')
  expect(() => events.wanted('report', 42, { within: Infinity })).toThrow('within must be')
  expect(() => events.wanted('report', 42, { often: 1 } as never)).toThrow('there are every, within')
  expect(() => events.wanted('', 42)).toThrow('must not be empty')
  expect(() => start().events.wanted('report', 42)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }))
  await events.close()
  expect(() => events.wanted('report', 42)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
})

describe('who waits', () => {
  test('answers whoever asks for what it waits for or streams, and nobody else', async () => {
    const started = start({ questions: true })
    const { receiver } = started.transport
    void started.events.on('report', 42)
    void started.events.stream('progress', 42)
    await started.events.listen('report', () => undefined)
    receiver.deliver(key, question(reply))
    receiver.deliver({ name: 'progress', id: '42' }, question(reply))
    receiver.deliver({ name: 'report', id: '43' }, question(reply))
    receiver.deliver({ name: 'other', id: '42' }, question(reply))
    await settle()
    expect(said(started)).toEqual(['answer waits', 'answer waits'])
    expect(started.transport.publishes.last.asked.key).toEqual({ name: '_answers', id: reply })
  })

  test("answers only by what can be an answer's id, and says once what cannot", async () => {
    const started = start({ questions: true })
    void started.events.on('report', 42)
    for (const body of ['report', '', '42~AAAAaaaarko', `${reply.slice(0, -1)}x`, `${reply}\n`, new Uint8Array(34)])
      started.transport.receiver.deliver(key, question(body))
    await settle()
    expect(said(started)).toEqual([])
    expect(started.told).toMatchObject([{ error: { code: 'ERR_SERIALIZATION' } }])
  })

  test.each([
    ['a timeout', 'ended'],
    ['an abort', 'ended'],
    ['a close', 'ended'],
    ['an event', undefined],
    ['a failure', undefined],
  ])('tells of the end of its last wait that %s is', async (end, told) => {
    const started = start({ questions: true })
    const aborting = new AbortController()
    const waits = [5000, end === 'a timeout' ? 50 : 5000].map((timeout) =>
      started.events.on('report', 42, { timeout, signal: aborting.signal }),
    )
    const first = new AbortController()
    void started.events.on('report', 42, { signal: first.signal })
    started.transport.receiver.deliver(key, question(reply))
    await settle()
    first.abort()
    if (end === 'an abort') aborting.abort()
    if (end === 'a close') await started.events.close()
    if (end === 'an event') started.transport.deliver(key, [])
    if (end === 'a failure') started.transport.deliverFailure(key, { name: 'Error', message: '' })
    if (end === 'a timeout') {
      await waits[1]?.catch(() => undefined)
      expect(said(started)).toEqual(['answer waits'])
      aborting.abort()
    }
    await Promise.allSettled(waits)
    await settle()
    expect(said(started)).toEqual(['answer waits', ...(told === undefined ? [] : [`answer ${told}`])])
  })

  test('says once that it may not answer', async () => {
    const started = start({ questions: true, manual: ['publish'] })
    void started.events.on('report', 42)
    for (let asked = 0; asked < 3; asked++) {
      started.transport.receiver.deliver(key, question(reply))
      started.transport.publishes.last.reject(Object.assign(new Error('no'), { code: 'ERR_FORBIDDEN' }))
      await settle()
    }
    expect(started.told).toMatchObject([{ store: 'inputStore', error: { code: 'ERR_FORBIDDEN' } }])
  })

  test('is kept busy by nobody: there is a bound of answers, and emits go their way', async () => {
    const started = start({ questions: true, manual: ['publish'] })
    void started.events.on('report', 42)
    await settle()
    for (let asked = 0; asked < 100_000; asked++) started.transport.receiver.deliver(key, question(reply))
    expect(said(started)).toHaveLength(256)
    void started.events.emit('report', 43)
    expect(said(started).at(-1)).toBe('event report:43')
    started.transport.release()
    for (let turn = 0; turn < 200; turn++) await settle()
    expect(said(started).length).toBeLessThanOrEqual(16_384 + 256 + 1)
  })
})

test('what is of a kind that nobody knows is dropped, and told once', async () => {
  const started = start({ questions: true })
  const wait = started.events.on('report', 42)
  for (let times = 0; times < 3; times++)
    started.transport.receiver.deliver(key, { kind: 'rumour' as Message['kind'], body: '[]' })
  started.transport.deliver(key, ['done'])
  expect(await wait).toEqual(['done'])
  expect(started.told).toMatchObject([{ error: { code: 'ERR_UNSUPPORTED' } }])
})
