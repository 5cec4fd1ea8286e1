import { performance } from 'node:perf_hooks'
import { closeAll, event, open } from './support'
import { Faults } from './toy-driver'

const key = { name: 'report', id: '42' }

/** Lets everything happen that is due in so many ms of a clock that is only a number. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10) {
    await jest.advanceTimersByTimeAsync(10)
    // What the toy broker does takes turns of the real event loop.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'clearImmediate'] })
  jest.spyOn(performance, 'now').mockImplementation(() => Date.now())
})

afterEach(async () => {
  jest.restoreAllMocks()
  jest.useRealTimers()
  await closeAll()
})

test('the clock of the kit is the faked one', async () => {
  const before = performance.now()
  await pass(1_000)
  expect(performance.now() - before).toBeGreaterThanOrEqual(1_000)
})

test('three minutes of cuts, freezes and refusals: every emit settles in its time, and the states alternate', async () => {
  const faults = new Faults()
  const { transport, receiver } = open(faults)
  await Promise.all([transport.subscribe(key), transport.connect(), pass(200)])
  const late: number[] = []
  const emits: Promise<void>[] = []
  const script = [
    () => faults.broker.interrupt(),
    () => (faults.frozen = true),
    () => (faults.frozen = false),
    () => (faults.busy = 'BUSY'),
    () => (faults.busy = undefined),
    () => (faults.refusing = true),
    () => faults.broker.interrupt(),
    () => (faults.refusing = false),
  ]
  for (let step = 0; step < 90; step++) {
    script[(step * 7) % script.length]?.()
    const began = performance.now()
    emits.push(
      transport.publish(key, event(String(step))).then(
        () => {},
        (error: unknown) => expect(['ERR_CONNECTION', 'ERR_UNCERTAIN']).toContain((error as { code?: unknown }).code),
      ),
    )
    void emits.at(-1)?.then(() => late.push(performance.now() - began))
    await pass(2_000)
  }
  Object.assign(faults, { frozen: false, busy: undefined, refusing: false })
  await pass(12_000)
  await Promise.all(emits)
  expect(late).toHaveLength(90)
  // Its own time, and how often the clock is looked at here.
  expect(Math.max(...late)).toBeLessThanOrEqual(5_300)
  await Promise.all([transport.publish(key, event('at last')), pass(1_000)])
  await pass(100)
  expect(receiver.bodies).toContain('at last')
  const states = receiver.log.filter((line) => line.startsWith('outputStore')).map((line) => line.includes('up'))
  expect(states).toEqual(states.map((_, index) => index % 2 === 0))
})
