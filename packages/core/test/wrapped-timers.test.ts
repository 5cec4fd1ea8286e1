import { runChild } from './support/child'
import { rejection, start, watch } from './support/harness'

const real = setTimeout
const clearReal = clearTimeout

afterEach(() => {
  globalThis.setTimeout = real
})

/** As an APM agent does it. */
function wrap(): { readonly calls: () => number } {
  let calls = 0
  const inner = setTimeout
  globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
    calls++
    return inner(...args)
  }) as typeof setTimeout
  return { calls: () => calls }
}

test('a setTimeout that is wrapped after import is no fake: waits share one timer', async () => {
  const { events } = start()
  await events.listen('report')
  const wrapped = wrap()
  const waits = Array.from({ length: 100 }, (_, id) => rejection(events.on('report', id, 30)))
  // One to find out what it is.
  expect(wrapped.calls()).toBeLessThan(3)
  for (const error of await Promise.all(waits)) expect(error).toMatchObject({ code: 'ERR_TIMEOUT' })
})

test.each<[string, (timer: NodeJS.Timeout) => unknown]>([
  ['a number', Number],
  ['an object of its own', (timer) => ({ [Symbol.toPrimitive]: () => Number(timer) })],
])('nor is one that gives %s', async (_, given) => {
  const { events } = start()
  await events.listen('report')
  let calls = 0
  globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
    calls++
    return given(real(...args))
  }) as typeof setTimeout
  const clear = jest
    .spyOn(globalThis, 'clearTimeout')
    .mockImplementation((timer) => clearReal(timer === undefined ? undefined : Number(timer)))
  try {
    const waits = Array.from({ length: 10 }, (__, id) => rejection(events.on('report', id, 30)))
    expect(calls).toBeLessThan(3)
    for (const error of await Promise.all(waits)) expect(error).toMatchObject({ code: 'ERR_TIMEOUT' })
  } finally {
    clear.mockRestore()
  }
})

test('wrapped twice, and unwrapped, waits end in their time', async () => {
  const { events } = start()
  const early: number[] = []
  for (const change of [wrap, wrap, () => (globalThis.setTimeout = real)]) {
    const from = performance.now()
    const before = rejection(events.on('report', 1, 60))
    change()
    await rejection(events.on('report', 2, 30))
    await before
    if (performance.now() - from < 60) early.push(performance.now() - from)
  }
  expect(early).toEqual([])
})

test('time that passed before the wrapping is not waited for again', async () => {
  const { lines } = await runChild(`
    async function main() {
      const events = new ServerEvents(new ScriptedTransport())
      await events.listen('report')
      const wait = events.on('report', 1, 400).catch(() => {})
      const from = performance.now()
      await new Promise((resolve) => setTimeout(resolve, 300))
      const inner = setTimeout
      globalThis.setTimeout = (...args) => inner(...args)
      await events.on('report', 2, 10).catch(() => {})
      await wait
      say(performance.now() - from < 680 ? 'in time' : String(performance.now() - from))
      await events.close()
    }
    main()
  `)
  expect(lines).toEqual(['in time'])
})

test('the blocked-loop rule holds with a wrapped setTimeout', async () => {
  const { lines } = await runChild(`
    const { spawn } = require('node:child_process')
    async function main() {
      const transport = new ScriptedTransport()
      const events = new ServerEvents(transport)
      const inner = setTimeout
      globalThis.setTimeout = (...args) => inner(...args)
      const echo = spawn(process.execPath, ['-e', 'process.stdin.on("data", (data) => process.stdout.write(data))'])
      echo.stdin.write('ready\\n')
      await once(echo.stdout, 'data')
      echo.stdout.on('data', (data) => transport.deliver({ name: 'report', id: String(data).trim() }, []))
      const wait = events.on('report', 1, 60).then(() => 'arrived', (error) => error.code)
      await tick()
      await new Promise((resolve) => echo.stdin.write('1\\n', resolve))
      const until = performance.now() + 300
      while (performance.now() < until);
      say(await wait)
      echo.kill()
      await events.close()
    }
    main()
  `)
  expect(lines).toEqual(['arrived'])
})

test('with only `performance` faked, waits take what they were given', async () => {
  const { events } = start()
  await events.listen('report')
  const now = performance.now.bind(performance)
  jest.useFakeTimers({
    doNotFake: [
      'setTimeout',
      'clearTimeout',
      'setImmediate',
      'clearImmediate',
      'setInterval',
      'clearInterval',
      'Date',
      'nextTick',
      'queueMicrotask',
      'hrtime',
    ],
  })
  try {
    for (const timeout of [300, 120]) {
      const from = now()
      await rejection(events.on('report', 1, timeout))
      const took = now() - from
      expect(took).toBeGreaterThanOrEqual(timeout)
      // It was nearly twice the timeout.
      expect(took).toBeLessThan(timeout * 1.6)
    }
  } finally {
    jest.useRealTimers()
  }
})

test.each(['modern', 'legacy', 'stub'])('fakes are still fakes: %s', async (kind) => {
  const { events } = start()
  if (kind === 'modern') jest.useFakeTimers()
  else if (kind === 'legacy') jest.useFakeTimers({ legacyFakeTimers: true })
  let fire: (() => void) | undefined
  if (kind === 'stub') {
    globalThis.setTimeout = ((callback: () => void) => {
      fire = callback
      return { id: 1 }
    }) as never
  }
  const wait = watch(events.on('report', 1, 1000))
  if (kind === 'stub') fire?.()
  else jest.advanceTimersByTime(1000)
  for (let turns = 0; turns < 50; turns++) await Promise.resolve()
  expect(wait.value).toMatchObject({ code: 'ERR_TIMEOUT' })
})
