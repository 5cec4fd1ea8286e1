import { getEventListeners } from 'node:events'
import Redis from 'ioredis'
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
  expect(await admin.call('PUBSUB', 'NUMPAT')).toBe(0)
  admin.disconnect()
}, 120_000)

test('the heap is back, and the process exits by itself after close', async () => {
  const child = await run('leaks.cjs', { REDIS_URL: redis.server.url, NODE_OPTIONS: '--expose-gc' })
  const line = await child.line('GROWN', 120_000)
  expect(Number(line.replace('GROWN ', ''))).toBeLessThan(5_000_000)
  expect(await child.exited).toBe(0)
}, 180_000)
