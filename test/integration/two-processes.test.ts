import Redis from 'ioredis'
import { run } from './support/run'
import { useRedis } from './support/stage'

const redis = useRedis()

async function exchange(count: number, transport: NodeJS.ProcessEnv): Promise<void> {
  const worker = await run('worker.cjs', { ...transport, REDIS_URL: redis.server.url })
  await worker.line('READY')
  const env = { ...transport, REDIS_URL: redis.server.url, COUNT: String(count), IN_FLIGHT: '256' }
  const waiter = await run('waiter.cjs', env)
  const result = await waiter.line('RESULT', 120_000)
  expect(JSON.parse(result.replace('RESULT ', ''))).toEqual({ lost: 0, wrong: 0, pending: 0, settled: count })
  // Closed, both go by themselves.
  expect(await waiter.exited).toBe(0)
  worker.signal('SIGTERM')
  expect(await worker.exited).toBe(0)
  expect(waiter.stderr + worker.stderr).toBe('')
}

test('20,000 waits, 256 in flight, waiter and worker in two processes: none lost', () => exchange(20_000, {}), 180_000)

test.each(['name', 'id'])(
  "5,000 waits with channels '%s', 256 in flight, in two processes: none lost",
  (channels) => exchange(5_000, { CHANNELS: channels }),
  180_000,
)

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
