import Redis from 'ioredis'
import { run } from './support/run'
import { useRedis } from './support/stage'

const redis = useRedis()

test('20,000 waits, 256 in flight, waiter and worker in two processes: none lost', async () => {
  const worker = await run('worker.cjs', { REDIS_URL: redis.server.url })
  await worker.line('READY')
  const waiter = await run('waiter.cjs', { REDIS_URL: redis.server.url, COUNT: '20000', IN_FLIGHT: '256' })
  const result = await waiter.line('RESULT', 120_000)
  expect(JSON.parse(result.replace('RESULT ', ''))).toEqual({ lost: 0, wrong: 0, pending: 0, settled: 20_000 })
  // Closed, both go by themselves.
  expect(await waiter.exited).toBe(0)
  worker.signal('SIGTERM')
  expect(await worker.exited).toBe(0)
  expect(waiter.stderr + worker.stderr).toBe('')
}, 180_000)

test('a process that only emits opens one connection', async () => {
  const admin = new Redis(redis.server.url)
  const clients = async (): Promise<string[]> =>
    String(await admin.client('LIST'))
      .trim()
      .split('\n')
  const before = (await clients()).length
  const emitter = await run('emitter.cjs', { REDIS_PORT: String(redis.server.port) })
  await emitter.line('EMITTED')
  expect((await clients()).length - before).toBe(1)
  emitter.signal('SIGTERM')
  expect(await emitter.exited).toBe(0)
  admin.disconnect()
})
