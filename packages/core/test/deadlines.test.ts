import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type * as serverEvents from 'server-events'
import { runChild } from './support/child'
import { realNow, rejection, settle, start, watch } from './support/harness'
import { ScriptedTransport } from './support/scripted-transport'

const timeoutError = expect.objectContaining({ code: 'ERR_TIMEOUT' })

describe('never early by the monotonic clock', () => {
  test('1,000 waits of 1 to 60 ms', async () => {
    const { events } = start()
    const early: string[] = []
    await Promise.all(
      Array.from({ length: 1000 }, async (_, id) => {
        // Whole ones too: a fraction is rounded up, and would hide a deadline rounded down.
        const timeout = id % 2 === 0 ? randomInt(1, 61) : 1 + Math.random() * 59
        const from = performance.now()
        const error = await rejection(events.on('report', id, timeout))
        const took = performance.now() - from
        expect(error).toMatchObject({ code: 'ERR_TIMEOUT', timeout: Math.ceil(timeout) })
        if (took < timeout) early.push(`${timeout} ms took ${took}`)
      }),
    )
    expect(early).toEqual([])
    expect(events.stats()).toMatchObject({ pending: 0, settled: { timeout: 1000 } })
  })

  test('waits begun within one ms do not end together', async () => {
    const { events } = start()
    const early: number[] = []
    for (let round = 0; round < 40; round++) {
      const waits = Array.from({ length: 10 }, (_, id) => {
        const from = performance.now()
        const wait = events.on('report', id, 4).catch(() => {
          const took = performance.now() - from
          if (took < 4) early.push(took)
        })
        while (performance.now() < from + 0.1);
        return wait
      })
      await Promise.all(waits)
    }
    expect(early).toEqual([])
  })

  test('waits started and ended in any order time out in the order of their deadlines', async () => {
    const { events, transport } = start()
    const order: { earliest: number; latest: number }[] = []
    const waits = Array.from({ length: 60 }, (_, id) => {
      const timeout = 20 + ((id * 37) % 60) * 10
      const earliest = performance.now() + timeout
      const wait = events.on('report', id, timeout)
      // Deadlines are whole ms.
      const latest = performance.now() + timeout + 1
      return wait.then(
        () => undefined,
        () => order.push({ earliest, latest }),
      )
    })
    await settle()
    // A third of them leaves from the middle of the heap.
    for (let id = 0; id < waits.length; id += 3) transport.deliver({ name: 'report', id: String(id) }, [])
    await Promise.all(waits)
    expect(order).toHaveLength(40)
    order.reduce((before, one) => {
      expect(one.latest).toBeGreaterThanOrEqual(before.earliest)
      return one
    })
  })

  test('a shorter wait that comes later is not kept back by a longer one', async () => {
    const { events } = start()
    const long = watch(events.on('report', 1, 60_000))
    await rejection(events.on('report', 2, 5))
    expect(long.state).toBe('pending')
  })
})

describe('timeouts over 2^31 ms', () => {
  test.each([2 ** 31, 2 ** 31 + 1, 2 ** 40, Number.MAX_VALUE])('%d does not fire at once', async (timeout) => {
    const { events } = start()
    const wait = watch(events.on('report', 1, timeout))
    // Node fires an overflowing timer after 1 ms: this one would be behind it.
    await rejection(events.on('report', 2, 20))
    expect(wait.state).toBe('pending')
  })

  test('they fire in their time', async () => {
    jest.useFakeTimers()
    const { events } = start()
    const timeout = 2 ** 32 + 5
    const wait = watch(events.on('report', 1, timeout))
    jest.advanceTimersByTime(timeout - 1)
    await settle()
    expect(wait.state).toBe('pending')
    jest.advanceTimersByTime(1)
    await settle()
    expect(wait.value).toEqual(timeoutError)
  })

  test('an initTimeout over 2^31 ms does not fire at once either', async () => {
    const { events } = start({ manual: ['connect'] }, { initTimeout: 2 ** 31 })
    const init = watch(events.init())
    await rejection(events.on('report', 1, 20))
    expect(init.state).toBe('pending')
  })
})

test('a blocked event loop does not time out an event that lies in a socket buffer', async () => {
  const { lines, stderr, code } = await runChild(`
    const { spawn } = require('node:child_process')
    async function main() {
      const transport = new ScriptedTransport()
      const events = new ServerEvents(transport)
      // A real pipe: the event is in the kernel's buffer while our loop is blocked.
      const echo = spawn(process.execPath, ['-e', 'process.stdin.on("data", (data) => process.stdout.write(data))'])
      echo.stdin.write('ready\\n')
      await once(echo.stdout, 'data')
      echo.stdout.on('data', (data) => {
        for (const id of String(data).trim().split('\\n')) transport.deliver({ name: 'report', id }, ['arrived'])
      })
      const outcomes = []
      for (let id = 1; id <= 3; id++) {
        const wait = events.on('report', id, 60).then(() => 'arrived', (error) => error.code)
        await tick()
        await new Promise((resolve) => echo.stdin.write(id + '\\n', resolve))
        const until = performance.now() + 300
        while (performance.now() < until);
        outcomes.push(await wait)
      }
      say(outcomes.join(' '))
      // The same without an event: the deadline still counts.
      const wait = events.on('report', 4, 20).then(() => 'arrived', (error) => error.code)
      const until = performance.now() + 100
      while (performance.now() < until);
      say(await wait)
      echo.kill()
      await events.close()
    }
    main()
  `)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(lines).toEqual(['arrived arrived arrived', 'ERR_TIMEOUT'])
})

test('nor does one that is blocked once more, by who reads what had arrived', async () => {
  const { lines, stderr, code } = await runChild(`
    const { spawn } = require('node:child_process')
    const block = (ms) => {
      const until = performance.now() + ms
      while (performance.now() < until);
    }
    async function main() {
      const transport = new ScriptedTransport()
      const events = new ServerEvents(transport)
      const echo = spawn(process.execPath, ['-e', 'process.stdin.on("data", (data) => process.stdout.write(data))'])
      echo.stdin.write('ready\\n')
      await once(echo.stdout, 'data')
      const waitFor = (id) => events.on('report', id, 60).then(() => 'arrived', (error) => error.code)
      let second
      echo.stdout.on('data', (data) => {
        for (const id of String(data).trim().split('\\n')) transport.deliver({ name: 'report', id }, ['arrived'])
        if (second !== undefined) return
        second = waitFor('second')
        echo.stdin.write('second\\n')
        block(300)
      })
      const first = waitFor('first')
      await tick()
      await new Promise((resolve) => echo.stdin.write('first\\n', resolve))
      block(300)
      say(await first)
      say(await second)
      echo.kill()
      await events.close()
    }
    main()
  `)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(lines).toEqual(['arrived', 'arrived'])
})

describe("jest's fake timers", () => {
  /** Exactly at the timeout, not 1 ms before. */
  async function expectExact(events: ReturnType<typeof start>['events'], id: number, timeout: number): Promise<void> {
    const wait = watch(events.on('report', id, timeout))
    jest.advanceTimersByTime(timeout - 1)
    await settle()
    expect(wait.state).toBe('pending')
    jest.advanceTimersByTime(1)
    await settle()
    expect(wait.value).toEqual(timeoutError)
  }

  test.each([
    ['before', true],
    ['after', false],
  ])('installed %s construction: advanceTimersByTime of exactly the timeout is enough', async (_, before) => {
    if (before) jest.useFakeTimers()
    const { events } = start()
    // The clock has been read, and is not at a whole ms.
    if (!before) await rejection(events.on('report', 0, 1))
    if (!before) jest.useFakeTimers()
    // Several, since the real clock's fraction of a ms at the switch must not count.
    for (let id = 1; id <= 20; id++) await expectExact(events, id, 1000 + id)
  })

  test('a second wait made later does not end early', async () => {
    const { events } = start()
    jest.useFakeTimers()
    const first = watch(events.on('report', 1, 1000))
    jest.advanceTimersByTime(600)
    const second = watch(events.on('report', 2, 1000))
    jest.advanceTimersByTime(400)
    await settle()
    expect([first.state, second.state]).toEqual(['rejected', 'pending'])
    jest.advanceTimersByTime(599)
    await settle()
    expect(second.state).toBe('pending')
    jest.advanceTimersByTime(1)
    await settle()
    expect(second.value).toEqual(timeoutError)
  })

  test('a last look comes before the deadline, and both at their exact time', async () => {
    const { events, transport } = start({ keeper: true }, { keep: 60_000 })
    jest.useFakeTimers()
    const wait = watch(events.on('report', 1, 1000))
    await settle()
    const asked = transport.recalls.count
    jest.advanceTimersByTime(899)
    await settle()
    expect(transport.recalls.count).toBe(asked)
    jest.advanceTimersByTime(1)
    await settle()
    expect(transport.recalls.count).toBe(asked + 1)
    jest.advanceTimersByTime(99)
    await settle()
    expect(wait.state).toBe('pending')
    jest.advanceTimersByTime(1)
    await settle()
    expect(wait.value).toEqual(timeoutError)
  })

  test('back to real timers, waits time out by the real clock again', async () => {
    const { events } = start()
    jest.useFakeTimers()
    await expectExact(events, 1, 100_000)
    jest.useRealTimers()
    const from = realNow()
    await rejection(events.on('report', 2, 2))
    await rejection(events.on('report', 2, 20))
    expect(realNow() - from).toBeGreaterThanOrEqual(22)
  })

  test('back to real timers, a wait made while another is pending does not end with it', async () => {
    const { events } = start()
    jest.useFakeTimers()
    await expectExact(events, 1, 100_000)
    jest.useRealTimers()
    const first = rejection(events.on('report', 2, 40))
    await delay(30)
    const from = realNow()
    await rejection(events.on('report', 3, 40))
    expect(realNow() - from).toBeGreaterThanOrEqual(40)
    await first
  })

  test('installed before the library is loaded, with `performance` left alone: a wait does not hang', async () => {
    jest.useFakeTimers({ doNotFake: ['performance'] })
    let loaded: typeof serverEvents | undefined
    jest.isolateModules(() => {
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- a copy that sees the fakes as it loads
      loaded = require('server-events') as typeof serverEvents
    })
    const events = new loaded!.ServerEvents(new ScriptedTransport())
    try {
      const wait = watch(events.on('report', 1, 1_000_000))
      // What the real clock shows meanwhile counts too.
      jest.advanceTimersByTime(900_000)
      await settle()
      expect(wait.state).toBe('pending')
      jest.advanceTimersByTime(100_001)
      await settle()
      expect(wait.value).toEqual(timeoutError)
    } finally {
      await events.close()
    }
  })

  test('with `performance` left alone: the clock is where the last timer was', async () => {
    jest.useFakeTimers({ doNotFake: ['performance'] })
    const { events, transport } = start()
    await events.listen('report')
    await settle()
    transport.down('outputStore')
    const first = rejection(events.on('report', 1, 40_000))
    const second = rejection(events.on('report', 2, 100_000))
    jest.advanceTimersByTime(40_000)
    await first
    transport.up('outputStore')
    jest.advanceTimersByTime(60_000)
    const { disconnected } = await second
    expect(disconnected / 1000).toBeCloseTo(40, 0)
  })

  test('waits from before the fakes still end, by the real clock, however long the fakes stay', async () => {
    const { events } = start()
    const waits = [5, 10, 30].map((timeout, id) => rejection(events.on('report', id, timeout)))
    jest.useFakeTimers()
    await waits[0]
    jest.useRealTimers()
    for (const error of await Promise.all(waits)) expect(error).toEqual(timeoutError)
  })

  test('nor do fakes move what is pending from before, or what comes after, however far they went', async () => {
    const { events } = start()
    const order: string[] = []
    const from = realNow()
    const before = ([id, timeout]: readonly [string, number]): Promise<unknown> =>
      rejection(events.on('report', id, timeout)).then(() => order.push(id))
    const pending = [['later', 400] as const, ['before', 300] as const].map(before)
    jest.useFakeTimers()
    await expectExact(events, 1, 3_600_000)
    jest.useRealTimers()
    await before(['after', 20])
    await Promise.all(pending)
    expect(order).toEqual(['after', 'before', 'later'])
    expect(realNow() - from).toBeGreaterThanOrEqual(400)
  })

  test('a settled wait leaves no fake timer behind', async () => {
    jest.useFakeTimers()
    const { events, transport } = start()
    const before = jest.getTimerCount()
    const wait = events.on('report', 1, 1000)
    await settle()
    transport.deliver({ name: 'report', id: '1' }, [])
    await wait
    // The linger timer of the name, and nothing else.
    expect(jest.getTimerCount()).toBe(before + 1)
  })

  test('nor does one that was to look last', async () => {
    jest.useFakeTimers()
    const { events, transport } = start({ keeper: true }, { keep: 60_000 })
    for (const when of [0, 900, 1000]) {
      const wait = watch(events.on('report', 1, 1000))
      jest.advanceTimersByTime(when)
      await settle()
      transport.deliver({ name: 'report', id: '1' }, [])
      await settle()
      expect(wait.state).toBe(when < 1000 ? 'resolved' : 'rejected')
      // The linger timer of the name and the next look at the store for all.
      expect(jest.getTimerCount()).toBe(2)
    }
  })
})

test("node:test's mock.timers drive timeouts, although they leave `performance` standing still", async () => {
  const { code, lines, stderr } = await runChild(
    `
    const { test, mock } = require('node:test')
    const assert = require('node:assert')
    const events = new ServerEvents(new ScriptedTransport())
    const outcome = (wait) => {
      const seen = { state: 'pending' }
      wait.then(() => (seen.state = 'resolved'), (error) => (seen.state = error.code))
      return seen
    }
    test('exactly, one after the other, and real again', async () => {
      for (const timeout of [2, 1000, 60_000]) {
        mock.timers.enable({ apis: ['setTimeout'] })
        const first = outcome(events.on('report', 1, timeout))
        mock.timers.tick(timeout - 1)
        await tick()
        assert.equal(first.state, 'pending')
        const second = outcome(events.on('report', 2, timeout))
        mock.timers.tick(1)
        await tick()
        assert.equal(first.state, 'ERR_TIMEOUT')
        assert.equal(second.state, 'pending')
        mock.timers.tick(timeout - 1)
        await tick()
        assert.equal(second.state, 'ERR_TIMEOUT')
        mock.timers.reset()
      }
      const from = performance.now()
      await assert.rejects(events.on('report', 3, 20), { code: 'ERR_TIMEOUT' })
      assert.ok(performance.now() - from >= 20)
      await events.close()
    })
    test('one tick ends a kept wait too, which asks the store before its deadline', async () => {
      const transport = new ScriptedTransport({ keeper: true })
      const events = new ServerEvents(transport, { keep: 60_000 })
      mock.timers.enable({ apis: ['setTimeout'] })
      const atOnce = outcome(events.on('report', 1, 1000))
      await tick()
      mock.timers.tick(999)
      await tick()
      assert.equal(atOnce.state, 'pending')
      assert.equal(transport.recalls.count, 2)
      mock.timers.tick(1)
      await tick()
      assert.equal(atOnce.state, 'ERR_TIMEOUT')
      const inOne = outcome(events.on('report', 2, 1000))
      mock.timers.tick(1000)
      await tick()
      assert.equal(inOne.state, 'ERR_TIMEOUT')
      mock.timers.reset()
      await events.close()
    })
  `,
    { execArgv: ['--test'] },
  )
  expect({ code, output: code === 0 ? '' : lines.join('\n') + stderr }).toEqual({ code: 0, output: '' })
  expect(lines.join('\n')).toMatch(/pass 2\b/)
})
