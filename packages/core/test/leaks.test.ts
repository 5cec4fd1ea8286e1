import { getEventListeners } from 'node:events'
import { runChild } from './support/child'
import { settle, start } from './support/harness'

describe.each(['name', 'id'] as const)('after many waits, routing %s,', (routing) => {
  test('resolved, timed out, aborted, failed and closed: nothing is left', async () => {
    jest.useFakeTimers()
    const { events, transport } = start({ routing, keeper: true }, { keep: 60_000, timeout: 500 })
    const controller = new AbortController()
    const waits: Promise<unknown>[] = []
    for (let id = 0; id < 2000; id++) {
      waits.push(events.on(`name ${id % 7}`, id, { signal: controller.signal, timeout: 100 + (id % 400) }))
    }
    await settle()
    for (let id = 0; id < 1000; id++) {
      const key = { name: `name ${id % 7}`, id: String(id) }
      if (id % 2 === 0) transport.deliver(key, [id])
      else transport.deliverFailure(key, { name: 'Error', message: 'failed' })
    }
    jest.advanceTimersByTime(300)
    controller.abort()
    const outcomes = await Promise.allSettled(waits)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(500)
    const { pending, settled } = events.stats()
    expect(pending).toBe(0)
    expect(settled.timeout).toBeGreaterThan(100)
    expect(settled.aborted).toBeGreaterThan(100)
    expect(settled).toMatchObject({ event: 500, failure: 500 })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    jest.advanceTimersByTime(30_000)
    await settle()
    expect(events.stats()).toMatchObject({ names: 0, queued: 0 })
    expect(jest.getTimerCount()).toBe(0)
  })
})

test('emits and fails leave nothing', async () => {
  const { events } = start()
  const emits = Array.from({ length: 1000 }, (_, id) => events.emit(`name ${id}`, id))
  await Promise.all(emits)
  expect(events.stats()).toMatchObject({ names: 0, queued: 0, pending: 0 })
})

test('100,000 waits, resolved, timed out and aborted: the heap is back, and the process exits by itself', async () => {
  const { code, lines, stderr } = await runChild(
    `
    const { getEventListeners } = require('node:events')
    async function main() {
      const transport = new ScriptedTransport()
      const events = new ServerEvents(transport)
      // The script remembers all calls, which would look like a leak of ours.
      await events.listen('report')
      const shared = new AbortController()
      async function round(size) {
        const own = new AbortController()
        const waits = []
        for (let id = 0; id < size; id++) {
          const signal = id % 4 === 0 ? own.signal : id % 4 === 1 ? shared.signal : undefined
          waits.push(events.on('report', id, { timeout: id % 4 === 3 ? 1 + (id % 50) : 60_000, signal }))
        }
        own.abort()
        for (let id = 0; id < size; id++) if (id % 4 === 1 || id % 4 === 2) transport.deliver({ name: 'report', id: String(id) }, [id])
        await Promise.allSettled(waits)
      }
      const heap = async () => {
        for (let turn = 0; turn < 4; turn++) {
          await tick()
          gc()
        }
        return process.memoryUsage().heapUsed
      }
      for (let times = 0; times < 2; times++) await round(5000)
      const before = await heap()
      for (let times = 0; times < 10; times++) await round(10_000)
      const grown = (await heap()) - before
      const { pending, settled } = events.stats()
      say(pending, settled.event, settled.timeout, settled.aborted)
      say(getEventListeners(shared.signal, 'abort').length)
      // 100,000 forgotten waits would be about 30 MB.
      say(grown < 3e6 ? 'back' : 'grown by ' + grown)
      await events.close()
      say(events.stats().names)
    }
    main()
  `,
    { execArgv: ['--expose-gc'], patience: 60_000 },
  )
  expect({ code, lines, stderr }).toEqual({ code: 0, lines: ['0 55000 27500 27500', '0', 'back', '0'], stderr: '' })
})

test('a pending wait on an own id holds at most 300 bytes of the heap, its id not counted', async () => {
  const { code, lines, stderr } = await runChild(
    `
    const heap = () => {
      gc()
      gc()
      return process.memoryUsage().heapUsed
    }
    async function main() {
      const events = new ServerEvents(new ScriptedTransport({ routing: 'id', homes: true }), { listen: ['report'] })
      await events.init()
      const make = (length) => Array.from({ length }, () => events.createId())
      for (const id of make(1000)) void events.on('report', id, 3_600_000)
      const ids = make(100_000)
      await tick()
      const before = heap()
      for (const id of ids) void events.on('report', id, 3_600_000)
      await tick()
      const bytes = (heap() - before) / ids.length
      say(events.stats().pending, bytes <= 300 ? 'fine' : bytes + ' bytes')
      await events.close()
    }
    main()
  `,
    { execArgv: ['--expose-gc'], patience: 60_000 },
  )
  expect({ code, lines, stderr }).toEqual({ code: 0, lines: ['101000 fine'], stderr: '' })
})
