import { Socket } from 'node:net'
import Redis from 'ioredis'
import { ConnectionError, UncertainError } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { eventually, startProxy, startRedis } from '@server-events/testing'
import type { FaultProxy, RedisServer } from '@server-events/testing'
import { attached, event, outcome } from './support'

/** A connection that is dead, or slow, without saying so; and one that cannot be kept. */

let redis: RedisServer
let proxy: FaultProxy
let admin: Redis
let peer: ReturnType<typeof attached>
beforeEach(async () => {
  redis = await startRedis()
  proxy = await startProxy(redis)
  admin = new Redis(redis.url)
  admin.on('error', () => undefined)
  peer = attached(new RedisTransport(redis.url))
  await peer.transport.subscribe({ name: 'n' })
})
afterEach(async () => {
  admin.disconnect()
  await proxy.close()
  await redis.stop()
})
const make = (options: RedisTransportOptions = {}, url = proxy.url): ReturnType<typeof attached> =>
  attached(new RedisTransport(url, options))
const key = (id: string, name = 'n'): { name: string; id: string } => ({ name, id })
const passed = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('an address translator that forgets idle connections', () => {
  test('a publisher that idles is kept warm, with one connection', async () => {
    const { transport, receiver } = make({ heartbeat: 400 })
    proxy.forgetAfter = 1_500
    await transport.connect()
    await passed(4_000)
    await transport.publish(key('1'), event('[]'))
    await peer.receiver.arrived('1')
    expect(receiver.states('inputStore')).toEqual([true])
  })

  test.each([
    ['plain', (transport: RedisTransport) => transport.publish(key('1'), event('[]'))],
    ['kept', (transport: RedisTransport) => transport.keeper.publish(key('1'), event('[]'), 60_000)],
    ['a removal', (transport: RedisTransport) => transport.keeper.forget(key('1'))],
  ])('what is forgotten all the same costs half of publishTimeout, and no emit: %s', async (_, emit) => {
    const { transport, receiver } = make({ heartbeat: 0, publishTimeout: 3_000 })
    await transport.connect()
    proxy.forgetAfter = 400
    await passed(800)
    const from = performance.now()
    await emit(transport)
    expect(performance.now() - from).toBeGreaterThan(1_400)
    expect(receiver.states('inputStore')).toEqual([true, false, true])
  })

  test('a lookup finds out too: without an answer at half of its time it is over, and the next one is answered', async () => {
    await peer.transport.keeper.publish(key('1'), event('[1]'), 60_000)
    const { transport, receiver } = make({ heartbeat: 0, publishTimeout: 1_500 })
    await transport.connect()
    proxy.forgetAfter = 400
    await passed(800)
    expect(await transport.keeper.recall([key('1')])).toEqual([expect.any(ConnectionError)])
    await receiver.up('inputStore', 2)
    expect(await transport.keeper.recall([key('1')])).toMatchObject([{ body: '[1]' }])
  })
})

describe('a slow link', () => {
  const long = JSON.stringify(['x'.repeat(120_000)])

  test.each(['pattern', 'name', 'id'] as const)(
    'an event that takes longer than the heartbeat arrives: %s',
    async (channels) => {
      const { transport, receiver } = make({ heartbeat: 200, subscribeTimeout: 300, channels })
      await transport.subscribe(channels === 'id' ? key('1') : { name: 'n' })
      await receiver.up('outputStore')
      proxy.bytesPerSecond = 60_000
      const from = attached(new RedisTransport(redis.url, { channels }))
      await from.transport.publish(key('1'), event(long))
      // Meanwhile a subscription waits behind it.
      await transport.subscribe(channels === 'id' ? key('2') : { name: 'm' })
      await receiver.arrived('1')
      expect(receiver.states('outputStore')).toEqual([true])
    },
  )

  test('so does an outcome, and the emits behind it are not held against the connection', async () => {
    await peer.transport.keeper.publish(key('1'), event(long), 60_000)
    const { transport, receiver } = make({ heartbeat: 200, publishTimeout: 600 })
    await transport.connect()
    proxy.bytesPerSecond = 60_000
    const recalled = transport.keeper.recall([key('1')])
    const emitted = outcome(transport.publish(key('2'), event('[]')))
    expect(await recalled).toMatchObject([{ body: long }])
    await emitted
    expect(receiver.states('inputStore')).toEqual([true])
  })
})

test('the kernel asks after 30 s, also with clients of a function, unless keepAlive says otherwise', async () => {
  const asked = jest.spyOn(Socket.prototype, 'setKeepAlive')
  const { host, port } = redis
  const sources: [RedisTransport, number][] = [
    [new RedisTransport(redis.url), 30_000],
    [new RedisTransport(() => new Redis({ host, port, keepAlive: 0 })), 30_000],
    [new RedisTransport({ host, port, keepAlive: 7_000 }), 7_000],
  ]
  for (const [transport, ms] of sources) {
    await attached(transport).transport.connect()
    expect(asked).toHaveBeenLastCalledWith(true, ms)
  }
  asked.mockRestore()
})

test('a server that closes what idles: with the heartbeat it does not come to that', async () => {
  await admin.config('SET', 'timeout', '2')
  const { transport, receiver } = make({ heartbeat: 500 }, redis.url)
  await transport.connect()
  await passed(6_000)
  expect(receiver.states('inputStore')).toEqual([true])
  expect(receiver.errors()).toEqual([])
})

test('without it there is one report, however often it does', async () => {
  const { transport, receiver } = make({ heartbeat: 0 })
  await transport.connect()
  for (let round = 0; round < 4; round++) {
    await passed(1_100)
    const { accepted } = proxy
    proxy.cut()
    await eventually(() => proxy.accepted > accepted && proxy.open > 0)
  }
  await transport.publish(key('1'), event('[]'))
  expect(receiver.states('inputStore')).toEqual([true, false, true])
  expect(receiver.errors()).toEqual([])
  // But if there is no next one, it is told.
  await passed(1_100)
  proxy.refuse()
  proxy.cut()
  await eventually(() => !receiver.isUp('inputStore'))
})

test('a subscriber that is killed as soon as it stands is not dialled again and again', async () => {
  const { transport, receiver } = make({}, redis.url)
  await transport.subscribe({ name: 'n' })
  await receiver.up('outputStore')
  const until = performance.now() + 5_000
  while (performance.now() < until) {
    await admin.client('KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes')
    await passed(5)
  }
  expect(receiver.states('outputStore').filter(Boolean).length).toBeLessThan(15)
})

test('a poisoned emit is given up after a few connections, and takes no other one with it', async () => {
  await admin.config('SET', 'client-query-buffer-limit', '1mb')
  const { transport, receiver } = make({ publishTimeout: 10_000 }, redis.url)
  await transport.connect()
  const body = JSON.stringify(['x'.repeat(1_500_000)])
  const poisoned = outcome(transport.publish(key('poison', 'p'), event(body)))
  const innocent = Array.from({ length: 50 }, (_, i) => outcome(transport.publish(key(String(i)), event('[]'))))
  const kept = Array.from({ length: 20 }, (_, i) =>
    outcome(transport.keeper.publish(key(`k${i}`), event('[]'), 60_000)),
  )
  expect(new Set(await Promise.all([...innocent, ...kept]))).toEqual(new Set(['resolved']))
  expect(await poisoned).toBeInstanceOf(UncertainError)
  expect(receiver.states('inputStore').filter((up) => !up).length).toBeLessThanOrEqual(8)
})

describe('how much is held', () => {
  test('a healthy server takes any burst of one tick', async () => {
    const { transport } = make({ maxQueued: 10, batch: false, publishTimeout: 30_000 }, redis.url)
    await transport.connect()
    await Promise.all(Array.from({ length: 6_000 }, (_, i) => transport.publish(key(String(i)), event('[]'))))
  })

  test('a frozen one takes maxQueued more, then the rest rejects and says what to do', async () => {
    const { transport } = make({ maxQueued: 10, heartbeat: 0, publishTimeout: 20_000 }, redis.url)
    await transport.connect()
    redis.pause()
    try {
      const first = [outcome(transport.publish(key('1'), event('[]')))]
      await passed(2_600)
      const more = Array.from({ length: 15 }, (_, i) => outcome(transport.publish(key(`m${i}`), event('[]'))))
      const rejected = await Promise.all(more.slice(-5))
      for (const error of rejected) {
        expect(error).toBeInstanceOf(ConnectionError)
        expect(String(error)).toMatch(/answers nothing.*maxQueued/)
      }
      redis.resume()
      expect(new Set(await Promise.all([...first, ...more.slice(0, 10)]))).toEqual(new Set(['resolved']))
    } finally {
      redis.resume()
    }
  })

  test('in bytes', async () => {
    const { transport } = make({ maxUnanswered: 100_000, heartbeat: 0 }, redis.url)
    await transport.connect()
    redis.pause()
    try {
      const body = JSON.stringify(['x'.repeat(40_000)])
      const settled = Array.from({ length: 4 }, (_, i) => outcome(transport.publish(key(String(i)), event(body))))
      expect(String(await settled[3])).toMatch(/maxUnanswered/)
      redis.resume()
      expect(await Promise.all(settled.slice(0, 2))).toEqual(['resolved', 'resolved'])
    } finally {
      redis.resume()
    }
  })
})
