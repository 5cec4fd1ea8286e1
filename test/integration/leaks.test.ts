import { getEventListeners } from 'node:events'
import Redis from 'ioredis'
import { RedisTransport } from '@server-events/redis'
import { eventually } from '@server-events/testing'
import { run } from './support/run'
import { useRedis } from './support/stage'

const redis = useRedis()

test('after 100,000 waits, resolved, timed out and aborted, nothing is left', async () => {
  const events = redis.connect({ listen: ['ev'] })
  await events.init()
  const shutdown = new AbortController()
  const request = new AbortController()
  for (let round = 0; round < 10; round++) {
    const waits: Promise<unknown>[] = []
    for (let i = 0; i < 10_000; i++) {
      const id = `${round}/${i}`
      const kind = i % 3
      if (kind === 0) waits.push(events.on('ev', id, { timeout: 60_000, signal: shutdown.signal }))
      else if (kind === 1) waits.push(events.on('ev', id, 20).catch(() => undefined))
      else waits.push(events.on('ev', id, { signal: request.signal }).catch(() => undefined))
    }
    const emits: Promise<void>[] = []
    for (let i = 0; i < 10_000; i += 3) {
      emits.push(events.emit('ev', `${round}/${i}`, i))
      if (emits.length % 500 === 0) await Promise.all(emits)
    }
    await Promise.all(waits.filter((_, i) => i % 3 !== 2))
  }
  request.abort(new Error('gone'))
  await events.emit('ev', 'sentinel')
  const { pending, settled } = events.stats()
  expect(pending).toBe(0)
  expect(settled.event + settled.timeout + settled.aborted).toBe(100_000)
  expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(0)
  expect(getEventListeners(request.signal, 'abort')).toHaveLength(0)
  const admin = new Redis(redis.server.url)
  expect(await admin.call('PUBSUB', 'NUMPAT')).toBe(1)
  await events.close()
  // The server learns of it by the end of the connection.
  await eventually(async () => (await admin.call('PUBSUB', 'NUMPAT')) === 0)
  admin.disconnect()
})

test.each([
  { channels: 'name', listen: { channels: ['se:ev:'], patterns: 1 } },
  { channels: 'id', listen: { channels: [], patterns: 1 } },
] as const)(
  "after 10,000 waits with channels '$channels' the server has none of their subscriptions",
  async ({ channels, listen }) => {
    const admin = new Redis(redis.server.url)
    const subscribed = async (): Promise<unknown> => ({
      channels: await admin.call('PUBSUB', 'CHANNELS'),
      patterns: await admin.call('PUBSUB', 'NUMPAT'),
    })
    const transport = new RedisTransport(redis.server.url, { channels })
    const events = redis.adopt(transport)
    const listening = await events.listen('ev', () => undefined)
    const request = new AbortController()
    const waits = Array.from({ length: 10_000 }, (_, i) => {
      if (i % 4 === 0) return events.on('ev', i, 60_000)
      if (i % 4 === 1) return events.on('ev', i, 1 + (i % 50))
      // Of two on one id, the subscription is that of both.
      if (i % 4 === 2) return events.on('ev', i % 400, { signal: request.signal })
      return events.on('ev', i, { timeout: 60_000, signal: request.signal })
    })
    const all = Promise.allSettled(waits)
    for (let i = 0; i < 10_000; i += 4) await events.emit('ev', i)
    request.abort()
    await all
    const { pending, settled } = events.stats()
    expect(pending).toBe(0)
    expect(settled).toMatchObject({ event: 2_500, timeout: 2_500, aborted: 5_000 })
    await eventually(async () => {
      expect(await subscribed()).toEqual(listen)
      return true
    })
    await listening.close()
    await events.close()
    await eventually(async () => {
      expect(await subscribed()).toEqual({ channels: [], patterns: 0 })
      return true
    })
    admin.disconnect()
  },
)

test('the heap is back, and the process exits by itself after close', async () => {
  const child = await run('leaks.cjs', { REDIS_URL: redis.server.url, NODE_OPTIONS: '--expose-gc' })
  const line = await child.line('GROWN', 120_000)
  expect(Number(line.replace('GROWN ', ''))).toBeLessThan(5_000_000)
  expect(await child.exited).toBe(0)
})
