import Redis from 'ioredis'
import { RedisTransport } from '@server-events/redis'
import { eventually, startProxy, startRedis } from '@server-events/testing'
import { onEveryTransport, useRedis } from './support/stage'
import { ServerEvents } from 'server-events'

const keep = { keep: 60_000 }

/** Instances on a server of the test's own. */
class Stage {
  readonly #instances: ServerEvents[] = []

  constructor(readonly url: string) {}

  connect(): ServerEvents {
    return this.adopt(new RedisTransport(this.url))
  }

  adopt(transport: RedisTransport): ServerEvents {
    const events = new ServerEvents(transport, keep)
    events.onerror(() => undefined)
    this.#instances.push(events)
    return events
  }

  async close(): Promise<void> {
    await Promise.all(this.#instances.map((events) => events.close()))
  }
}

onEveryTransport(({ connect }) => {
  test('an event emitted before the wait is seen, by every wait and in every process', async () => {
    await connect(keep).emit('report', 1, 'early')
    const later = connect(keep)
    const waits = [later.on('report', 1), later.on('report', 1), connect(keep).on('report', 1)]
    expect(await Promise.all(waits)).toEqual([['early'], ['early'], ['early']])
    expect(later.stats().settled.recall).toBe(2)
  })

  test('a failure is kept like an event', async () => {
    const worker = connect(keep)
    await worker.fail('report', 2, Object.assign(new TypeError('no'), { code: 'E_NO', data: { at: 3 } }))
    const expected = { code: 'ERR_REMOTE', remoteName: 'TypeError', message: 'no', remoteCode: 'E_NO', data: { at: 3 } }
    await expect(connect(keep).on('report', 2)).rejects.toMatchObject(expected)
    await expect(connect(keep).peek('report', 2)).rejects.toMatchObject(expected)
  })

  test('peek reads without waiting, forget removes, recall: false does not look', async () => {
    const events = connect(keep)
    events.onerror(() => undefined)
    expect(await events.peek('report', 3)).toBeUndefined()
    await events.emit('report', 3, { n: 1 })
    expect(await events.peek('report', 3)).toEqual([{ n: 1 }])
    await expect(events.on('report', 3, { recall: false, timeout: 60 })).rejects.toMatchObject({ recalled: 'never' })
    await events.forget('report', 3)
    expect(await events.peek('report', 3)).toBeUndefined()
    await expect(events.on('report', 3, 120)).rejects.toMatchObject({ code: 'ERR_TIMEOUT', recalled: 'answered' })
  })

  test('an outcome is kept for its time, and no longer', async () => {
    const events = connect({ keep: { brief: 80, long: 60_000 } })
    await events.emit('long', 1, 'x')
    await events.emit('brief', 1, 'x')
    await eventually(async () => (await events.peek('brief', 1)) === undefined)
    expect(await events.peek('long', 1)).toEqual(['x'])
  })

  test('the last of several outcomes counts, and none after forget', async () => {
    const events = connect(keep)
    void events.emit('report', 4, 'first')
    await events.emit('report', 4, 'second')
    expect(await events.peek('report', 4)).toEqual(['second'])
    await events.forget('report', 4)
    expect(await events.peek('report', 4)).toBeUndefined()
    await events.emit('report', 4, 'third')
    expect(await events.peek('report', 4)).toEqual(['third'])
  })
})

describe('on Redis', () => {
  const redis = useRedis()

  test('forget keeps its place among the emits of a tick', async () => {
    const events = redis.connect(keep)
    void events.emit('report', 4, 'first')
    void events.emit('report', 4, 'second')
    void events.forget('report', 4)
    await events.emit('report', 4, 'third')
    expect(await events.peek('report', 4)).toEqual(['third'])
    void events.emit('report', 4, 'fourth')
    await events.forget('report', 4)
    expect(await events.peek('report', 4)).toBeUndefined()
  })

  test('a kept outcome is one key: a frame of one, with its time', async () => {
    await redis.connect({ keep: 5_000 }).emit('a:b', 'c%\n', 1, 'x')
    const raw = new Redis(redis.server.url)
    expect(await raw.keys('se:kept:a*')).toEqual(['se:kept:a%3Ab:c%25%0A'])
    expect(await raw.get('se:kept:a%3Ab:c%25%0A')).toBe('se2\nEc%25%0A\t\t[1,"x"]')
    const left = await raw.pttl('se:kept:a%3Ab:c%25%0A')
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(5_000)
    raw.disconnect()
  })

  test('the emits of a tick are so many SETs and then one PUBLISH', async () => {
    const events = redis.connect(keep)
    await events.init()
    const raw = new Redis(redis.server.url)
    const monitor = await raw.monitor()
    const seen: string[] = []
    monitor.on('monitor', (_: unknown, args: string[]) => {
      if (/^(set|publish)$/i.test(args[0] ?? '')) seen.push((args[0] ?? '').toLowerCase())
    })
    await Promise.all([1, 2, 3].map((id) => events.emit('tick', id)))
    await eventually(() => seen.length >= 4)
    expect(seen).toEqual(['set', 'set', 'set', 'publish'])
    monitor.disconnect()
    raw.disconnect()
  })

  test('garbage at a key is told once, is not taken for absence, and leaves the wait to the event', async () => {
    const raw = new Redis(redis.server.url)
    await raw.set('se:kept:report:9', 'nonsense')
    const events = redis.connect(keep)
    const errors: unknown[] = []
    events.onerror((_, error) => errors.push(error))
    const wait = events.on('report', 9, 10_000)
    await expect(events.peek('report', 9)).rejects.toMatchObject({ code: 'ERR_SERIALIZATION' })
    await eventually(() => errors.length > 0)
    await redis.connect(keep).emit('report', 9, 'sound')
    expect(await wait).toEqual(['sound'])
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_SERIALIZATION' })])
    raw.disconnect()
  })

  test('a mismatch of keep is told once per name', async () => {
    const waiting = redis.connect({ ...keep, listen: ['odd'] })
    const errors: unknown[] = []
    waiting.onerror((_, error) => errors.push(error))
    await waiting.init()
    const waits = [waiting.on('odd', 1), waiting.on('odd', 2)]
    const careless = redis.connect()
    await Promise.all([careless.emit('odd', 1), careless.emit('odd', 2)])
    await Promise.all(waits)
    expect(errors).toEqual([
      expect.objectContaining({ code: 'ERR_UNSUPPORTED', message: expect.stringContaining('"odd"') as string }),
    ])
  })

  test.each(['1.x', 'both'] as const)("with wire '%s' outcomes are kept as with '2'", async (wire) => {
    await redis.connect(keep, { wire }).emit(`upgrade ${wire}`, 1, 'kept')
    expect(await redis.connect(keep, { wire: '2' }).on(`upgrade ${wire}`, 1)).toEqual(['kept'])
    expect(await redis.connect(keep, { wire }).on(`upgrade ${wire}`, 1)).toEqual(['kept'])
  })

  test('an outcome kept by a process that is gone is there after a restart of the waiting one', async () => {
    const worker = redis.connect(keep)
    await worker.emit('restart', 1, 'still here')
    await worker.close()
    const first = redis.connect(keep)
    await first.on('restart', 1)
    await first.close()
    expect(await redis.connect(keep).on('restart', 1)).toEqual(['still here'])
  })
})

describe('what the server refuses', () => {
  test('OOM on SET: waits get the event, the emit rejects NotKeptError', async () => {
    const server = await startRedis({ args: ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'] })
    const redis = new Stage(server.url)
    const waiting = redis.connect()
    await waiting.listen('report')
    const wait = waiting.on('report', 1, 10_000)
    const emit = redis.connect().emit('report', 1, 'secret-payload')
    await expect(emit).rejects.toMatchObject({
      code: 'ERR_NOT_KEPT',
      message: expect.stringContaining('OOM') as string,
    })
    expect(await wait).toEqual(['secret-payload'])
    await redis.close()
    await server.stop()
  })

  test('NOPERM on SET is NotKeptError; NOPERM on GET rejects the wait with ForbiddenError at once', async () => {
    const server = await startRedis({
      args: '--user default on nopass allchannels ~* +@all -set -get'.split(' '),
    })
    const redis = new Stage(server.url)
    await expect(redis.connect().emit('report', 1, 'x')).rejects.toMatchObject({ code: 'ERR_NOT_KEPT' })
    await expect(redis.connect().on('report', 1, 30_000)).rejects.toMatchObject({
      code: 'ERR_FORBIDDEN',
      channel: 'se:kept:report:1',
    })
    await redis.close()
    await server.stop()
  })

  test('READONLY: the publishing connection is replaced, and the emit is sent to the master', async () => {
    const server = await startRedis()
    const raw = new Redis(server.url)
    const redis = new Stage(server.url)
    const events = redis.connect()
    await events.init()
    await raw.replicaof('127.0.0.1', 1)
    const emit = events.emit('report', 1, 'x')
    await eventually(() => events.stats().inputStore.interruptions === 1)
    await raw.replicaof('NO', 'ONE')
    await emit
    expect(await events.peek('report', 1)).toEqual(['x'])
    raw.disconnect()
    await redis.close()
    await server.stop()
  })
})

test('a store that swallows the question: the wait runs on, is asked again on the next connection, and gets it', async () => {
  const server = await startRedis()
  const proxy = await startProxy(server)
  const redis = new Stage(server.url)
  await redis.connect().emit('report', 1, 'kept')
  const waiting = redis.adopt(new RedisTransport(proxy.url, { publishTimeout: 300 }))
  await waiting.init()
  proxy.filter = (direction, chunk) => (direction === 'up' && chunk.includes('se:kept') ? undefined : chunk)
  const wait = waiting.on('report', 1, 30_000)
  await eventually(() => waiting.stats().inputStore.interruptions > 0)
  proxy.filter = undefined
  expect(await wait).toEqual(['kept'])
  await redis.close()
  await proxy.close()
  await server.stop()
})
