import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { ServerEvents, TimeoutError } from 'server-events'

afterEach(() => jest.useRealTimers())

test('on MemoryTransport a wait ends when fake time has reached its timeout, not 1 ms before; events need no time', async () => {
  jest.useFakeTimers()
  const hub = new MemoryHub()
  const api = new ServerEvents(new MemoryTransport({ hub }), { listen: ['report'] })
  const worker = new ServerEvents(new MemoryTransport({ hub }))
  await api.init()
  const ended: unknown[] = []
  const wait = api.on('report', 1, 5_000).catch((error: unknown) => ended.push(error))

  jest.advanceTimersByTime(4_999)
  // A wait on another id is answered while the clock stands: what was due has happened.
  const other = api.on('report', 2, 5_000)
  await worker.emit('report', 2, 'in time')
  expect(await other).toEqual(['in time'])
  expect(ended).toEqual([])

  jest.advanceTimersByTime(1)
  await wait
  expect(ended).toEqual([expect.any(TimeoutError)])
  expect(api.stats().pending).toBe(0)
  await Promise.all([api.close(), worker.close()])
})
