import Redis from 'ioredis'
import { eventually } from '@server-events/testing'
import { UnwantedError, type ServerEvents } from 'server-events'
import { run } from './support/run'
import { onEveryTransport, useRedis } from './support/stage'

/** Long enough for an answer on a busy machine, since what is answered must be: only what is not costs so much. */
const often = { every: 200, within: 2000 }

type Wanted = ReturnType<ServerEvents['wanted']>

const aborted = ({ signal }: Wanted): Promise<unknown> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason)
    else signal.addEventListener('abort', () => resolve(signal.reason))
  })

const known = (wanted: Wanted): Promise<void> => eventually(() => expect(wanted.now).toBe(true))

onEveryTransport(({ connect }) => {
  test('a worker goes on while anybody waits, and stops when nobody does', async () => {
    const [api, other, worker] = [connect(), connect(), connect()]
    const [one, two] = [new AbortController(), new AbortController()]
    const id = api.createId()
    void api.request('report', () => undefined, { id, signal: one.signal })
    void other.stream('report', id, { signal: two.signal })
    await eventually(() => expect(other.stats().outputStore.connected).toBe(true))
    const wanted = worker.wanted('report', id, often)
    await known(wanted)
    one.abort()
    // Two questions later.
    await new Promise((resolve) => setTimeout(resolve, 3 * often.every))
    expect(wanted).toMatchObject({ now: true, signal: { aborted: false } })
    two.abort()
    expect(await aborted(wanted)).toBeInstanceOf(UnwantedError)
    expect(wanted.now).toBe(false)
  }, 60_000)

  test('a worker is told of a timeout and of a close, and asks at once', async () => {
    const [api, worker] = [connect(), connect()]
    const seldom = { every: 10_000, within: 300 }
    const wanted = [1, 2].map((id) => {
      void api.on('report', id, id === 1 ? 1500 : undefined)
      return worker.wanted('report', id, seldom)
    })
    await Promise.all(wanted.map(known))
    await eventually(() => expect(wanted[0]!.now).toBe(false))
    expect(wanted[1]!.now).toBe(true)
    await api.close()
    await eventually(() => expect(wanted[1]!.now).toBe(false))
    for (const one of wanted) one.close()
  }, 60_000)
})

describe('on Redis', () => {
  const redis = useRedis()

  test('a worker stops when the process that waits is killed', async () => {
    const waiter = await run('one-wait.cjs', { REDIS_URL: redis.server.url })
    await waiter.line('WAITS')
    const wanted = redis.connect().wanted('report', 'killed', often)
    await known(wanted)
    const before = performance.now()
    await waiter.kill()
    expect(await aborted(wanted)).toBeInstanceOf(UnwantedError)
    // What it had asked before may still be answered; the rest is the machine's.
    expect(performance.now() - before).toBeGreaterThan(often.within)
  }, 60_000)

  test('an asking holds no process', async () => {
    const worker = await run('asks-and-goes.cjs', { REDIS_URL: redis.server.url })
    expect(await worker.exited).toBe(0)
    expect(worker.lines).toEqual(['ASKED'])
  }, 60_000)

  test('a worker subscribes to its own answers and nothing else', async () => {
    const admin = new Redis(redis.server.url)
    const before = await admin.pubsub('CHANNELS')
    const wanted = redis.connect().wanted('report', 42, often)
    await eventually(async () => {
      const channels = (await admin.pubsub('CHANNELS')) as string[]
      expect(channels.filter((one) => !before.includes(one))).toEqual([
        expect.stringMatching(/^se:_answers:\{[\w-]{11}\}$/),
      ])
    })
    expect(await admin.pubsub('NUMPAT')).toBe(0)
    wanted.close()
    admin.disconnect()
  })
})
