import Redis from 'ioredis'
import type { EventStream } from 'server-events'
import { onEveryTransport, useRedis } from './support/stage'

const done = (...args: unknown[]): boolean => args[1] === true

async function readAll(stream: EventStream<unknown[]>): Promise<unknown[][]> {
  const items: unknown[][] = []
  for await (const args of stream) items.push(args)
  return items
}

onEveryTransport(({ connect }) => {
  test('the progress of a job comes in order, up to its last event, in every process that reads it', async () => {
    const worker = connect()
    const readers = [connect(), connect()].map((events) => ({
      events,
      stream: events.stream('job', 1, { until: done }),
    }))
    await Promise.all(readers.map(({ stream }) => stream.ready))
    for (let n = 0; n < 99; n++) void worker.emit('job', 1, n, false)
    void worker.emit('job', 2, 'of another job', true)
    await worker.emit('job', 1, 99, true)
    const expected = Array.from({ length: 100 }, (_, n) => [n, n === 99])
    for (const { events, stream } of readers) {
      expect(await readAll(stream)).toEqual(expected)
      expect(events.stats().pending).toBe(0)
    }
  })

  test('fail ends a stream with what the worker gave, after what it sent before', async () => {
    const [reader, worker] = [connect(), connect()]
    const stream = reader.stream('job', 1)
    await stream.ready
    void worker.emit('job', 1, 'half')
    void worker.fail('job', 1, Object.assign(new Error('disk full'), { data: { free: 0 } }))
    expect(await stream.next()).toEqual({ value: ['half'], done: false })
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_REMOTE', message: 'disk full', data: { free: 0 } })
    expect(await stream.next()).toEqual({ value: undefined, done: true })
  })

  test('what one process emits after stream() it reads itself, without waiting for ready', async () => {
    const events = connect()
    const stream = events.stream('job', 1, { until: done })
    void events.emit('job', 1, 'first', false)
    void events.emit('job', 1, 'last', true)
    expect(await readAll(stream)).toEqual([
      ['first', false],
      ['last', true],
    ])
  })

  test('a late reader of a kept name begins with the latest item', async () => {
    const [worker, reader] = [connect({ keep: 60_000 }), connect({ keep: 60_000 })]
    for (const n of [1, 2, 3]) await worker.emit('job', 1, n)
    const stream = reader.stream('job', 1, { until: done })
    expect(await stream.next()).toEqual({ value: [3], done: false })
    await worker.emit('job', 1, 4, true)
    expect(await readAll(stream)).toEqual([[4, true]])
    await expect(readAll(reader.stream('job', 1, { until: done }))).resolves.toEqual([[4, true]])
  })

  test('break unsubscribes, and the same job can be read again', async () => {
    const [worker, reader] = [connect(), connect()]
    for (const round of [1, 2]) {
      const stream = reader.stream('job', 1)
      await stream.ready
      void worker.emit('job', 1, round)
      for await (const [got] of stream) {
        expect(got).toBe(round)
        break
      }
      expect(reader.stats().pending).toBe(0)
    }
  })
})

describe('on a Redis whose connections are cut', () => {
  const redis = useRedis()

  test('a stream of a kept name goes on with the latest item, and loses its end never', async () => {
    const [worker, reader] = [redis.connect({ keep: 60_000 }), redis.connect({ keep: 60_000 })]
    for (const events of [worker, reader]) events.onerror(() => undefined)
    const stream = reader.stream('job', 1, { until: done, timeout: 20_000 })
    await stream.ready
    await worker.emit('job', 1, 1)
    expect(await stream.next()).toEqual({ value: [1], done: false })
    const { interruptions } = reader.stats().outputStore
    const admin = new Redis(redis.server.url)
    await admin.client('KILL', 'TYPE', 'PUBSUB')
    admin.disconnect()
    await worker.emit('job', 1, 2)
    await worker.emit('job', 1, 3, true)
    const rest = await readAll(stream)
    expect(rest.at(-1)).toEqual([3, true])
    expect(reader.stats().outputStore.interruptions).toBe(interruptions + 1)
  })
})
