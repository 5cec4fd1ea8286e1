import { setTimeout as delay } from 'node:timers/promises'
import { settle, startUnheard } from './support/harness'
import type { Started } from './support/harness'

const away = (): Error => Object.assign(new Error('away'), { code: 'ERR_CONNECTION' })

type Unheard = Omit<Started, 'told'>

/** How often each way to emit from onerror is called, and how deep within itself. */
const ways: [string, (emit: () => unknown) => unknown][] = [
  ['at once', (emit) => emit()],
  ['and waits for it', async (emit) => await emit()],
  ['in a reaction', (emit) => Promise.resolve().then(emit)],
  ['from a function that it does not wait for', (emit) => void Promise.resolve().then(emit)],
  ['after a timer', (emit) => delay(1).then(emit)],
  ['from setImmediate', (emit) => void setImmediate(emit)],
]

/** Emits that are refused, in every way that one can be. */
const refusals: [string, (started: Unheard) => void | Promise<void>, (started: Unheard) => unknown][] = [
  ['after close', ({ events }) => events.close(), ({ events }) => events.emit('report', 1)],
  ['fail after close', ({ events }) => events.close(), ({ events }) => events.fail('report', 1, new Error('no'))],
  ['of a bad name', () => {}, ({ events }) => events.emit('', 1)],
  ['too large', () => {}, ({ events }) => events.emit('report', 1, 'x'.repeat(2_000_000))],
  ['not for JSON', () => {}, ({ events }) => events.emit('report', 1, 1n)],
  [
    'by the transport',
    ({ transport }) => {
      jest.spyOn(transport, 'publish').mockImplementation(() => Promise.reject(away()))
    },
    ({ events }) => events.emit('report', 1),
  ],
  [
    'by a transport that throws',
    ({ transport }) => {
      jest.spyOn(transport, 'publish').mockImplementation(() => {
        throw away()
      })
    },
    ({ events }) => events.emit('report', 1),
  ],
]

describe.each(refusals)('an emit that is refused: %s', (_, prepare, emit) => {
  test.each(ways)('onerror that emits %s is called a few times, never within itself', async (_, way) => {
    const started = startUnheard()
    let [calls, within, deepest] = [0, 0, 0]
    for (const listener of [1, 2]) {
      started.events.onerror((store, error) => {
        calls++
        deepest = Math.max(deepest, ++within)
        try {
          expect([listener, store, error.code]).toEqual([listener, 'inputStore', expect.stringMatching(/^ERR_/)])
          return way(() => Promise.resolve(emit(started)).catch(() => {}))
        } finally {
          within--
        }
      })
    }
    await prepare(started)
    await Promise.resolve(emit(started)).catch(() => {})
    // Two listeners, three deep: 2 + 4 + 8.
    while (calls < 14) await delay(1)
    await delay(20)
    expect(calls).toBe(14)
    expect(deepest).toBe(1)
    // The next one is told as the first was.
    await Promise.resolve(emit(started)).catch(() => {})
    while (calls < 28) await delay(1)
    await delay(20)
    expect(calls).toBe(28)
  })
})

test('a failure that loses its data is told without end neither', async () => {
  const { events } = startUnheard()
  let calls = 0
  const fail = (): Promise<void> => events.fail('report', 1, Object.assign(new Error('no'), { data: 1n }))
  events.onerror(() => {
    calls++
    void fail()
  })
  await fail()
  await settle()
  expect(calls).toBe(3)
})

test('what is told of an emit comes after the call, and names the event', async () => {
  const { events, transport } = startUnheard()
  const told: unknown[] = []
  events.onerror((store, { code }, about) => told.push([store, code, about]))
  const refused = [events.emit('report', 7, 1n), events.emit('', 7)]
  expect(told).toEqual([])
  await Promise.allSettled(refused)
  transport.publishes.manual = true
  const emit = events.emit('report', 8)
  transport.publishes.last.reject(away())
  await emit.catch(() => {})
  await events.close()
  await events.emit('late', 9).catch(() => {})
  transport.error('inputStore', away())
  expect(told).toEqual([
    ['inputStore', 'ERR_SERIALIZATION', { name: 'report', id: '7' }],
    ['inputStore', 'ERR_INVALID_ARGUMENT', undefined],
    ['inputStore', 'ERR_CONNECTION', { name: 'report', id: '8' }],
    ['inputStore', 'ERR_CLOSED', { name: 'late', id: '9' }],
  ])
})

test('what has nothing to do with the emits of onerror is told, whatever they do', async () => {
  const { events, transport } = startUnheard()
  const told: string[] = []
  events.onerror((_, { code }) => {
    told.push(code ?? '')
    if (code === 'ERR_CONNECTION') void events.listen('report', () => Promise.reject(new Error('mine')))
  })
  transport.error('inputStore', away())
  await settle()
  for (let times = 0; times < 5; times++) transport.deliver({ name: 'report', id: '1' }, [])
  await settle()
  expect(told).toEqual(['ERR_CONNECTION', ...Array<string>(5).fill('')])
})
