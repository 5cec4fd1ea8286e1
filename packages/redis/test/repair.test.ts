import Redis from 'ioredis'
import { ConnectionError } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { eventually, startProxy, startRedis } from '@server-events/testing'
import type { FaultProxy, RedisServer } from '@server-events/testing'
import { RecordingReceiver, attached, event, outcome } from './support'

let redis: RedisServer
let proxy: FaultProxy
let admin: Redis
/** Beside the proxy, and never in trouble. */
let peer: RedisTransport
beforeEach(async () => {
  redis = await startRedis()
  proxy = await startProxy(redis)
  admin = new Redis(redis.url)
  admin.on('error', () => {})
  peer = new RedisTransport(redis.url)
  peer.attach(new RecordingReceiver())
})
afterEach(async () => {
  await peer.close()
  admin.disconnect()
  await proxy.close()
  await redis.stop()
})
function make(
  options: RedisTransportOptions = {},
  url = proxy.url,
): { transport: RedisTransport; receiver: RecordingReceiver } {
  return attached(new RedisTransport(url, options))
}
const emit = (transport: RedisTransport, id: string, name = 'n'): Promise<void> =>
  transport.publish({ name, id }, event('[]'))

test('the server is killed and comes back: subscriptions stand before the state says so, and each store alternates', async () => {
  const { transport, receiver } = make({}, redis.url)
  await transport.connect()
  await Promise.all(['a', 'b', 'c'].map((name) => transport.subscribe({ name })))
  for (let round = 1; round <= 2; round++) {
    await redis.kill()
    await eventually(() => !receiver.isUp('inputStore') && !receiver.isUp('outputStore'))
    const [cause] = receiver.calls.flatMap((call) => (call.type === 'state' && call.cause ? [call.cause] : []))
    expect(cause).toBeInstanceOf(ConnectionError)
    await redis.restart()
    await receiver.up('outputStore', round + 1)
    for (const name of ['a', 'b', 'c']) {
      await emit(peer, `${name}${round}`, name)
      await receiver.arrived(`${name}${round}`)
    }
    await receiver.up('inputStore', round + 1)
  }
  for (const store of ['inputStore', 'outputStore'] as const)
    expect(receiver.states(store)).toEqual([true, false, true, false, true])
})

test('down at the start: each attempt is told with host and port, and all goes through later', async () => {
  const { port } = redis
  await redis.kill()
  const { transport, receiver } = make({}, redis.url)
  const connecting = transport.connect()
  const subscribing = transport.subscribe({ name: 'n' })
  for (const store of ['inputStore', 'outputStore'] as const) await eventually(() => receiver.errors(store).length >= 2)
  for (const error of receiver.errors()) {
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(error.message).toContain('ECONNREFUSED')
  }
  expect(receiver.states('inputStore')).toEqual([])
  await redis.restart()
  await Promise.all([connecting, subscribing])
  await emit(transport, '1')
  await receiver.arrived('1')
})

test('CLIENT KILL in a loop: every subscription is there each time', async () => {
  const { transport, receiver } = make({}, redis.url)
  const names = Array.from({ length: 600 }, (_, i) => `n${i}`)
  await Promise.all(names.map((name) => transport.subscribe({ name })))
  for (let round = 1; round <= 5; round++) {
    await admin.client('KILL', 'TYPE', 'pubsub')
    await receiver.up('outputStore', round + 1)
    expect(await admin.call('PUBSUB', 'NUMPAT')).toBe(names.length)
  }
  // A client's `close` and its `end` are one loss, and no failed attempt.
  expect(receiver.errors()).toEqual([])
  expect(receiver.states('outputStore')).toHaveLength(11)
})

test('cut between ready and the reply to PSUBSCRIBE: asked again on the next connection, before the state', async () => {
  const { transport, receiver } = make()
  let cuts = 3
  proxy.filter = (direction, chunk) => {
    if (direction === 'up' && chunk.includes('psubscribe') && cuts-- > 0) {
      proxy.cut()
      return undefined
    }
    return chunk
  }
  await transport.subscribe({ name: 'n' })
  expect(cuts).toBeLessThan(0)
  await receiver.up('outputStore')
  expect(receiver.states('outputStore')).toEqual([true])
  await emit(peer, '1')
  await receiver.arrived('1')
})

test('a subscribe that is pending across an interruption settles before the state, topics added meanwhile are found', async () => {
  const { transport, receiver } = make()
  await transport.subscribe({ name: 'first' })
  await receiver.up('outputStore')
  const order: string[] = []
  jest.spyOn(receiver, 'state').mockImplementation((store, up) => void order.push(`${store} ${up}`))
  const added: Promise<unknown>[] = []
  proxy.filter = (direction, chunk) => {
    // One more for each of the first replies, while the restoration runs.
    if (direction === 'down' && chunk.includes('psubscribe') && added.length < 4) {
      const name = `added${added.length}`
      added.push(transport.subscribe({ name }).then(() => order.push(name)))
    }
    return chunk
  }
  proxy.refuse()
  proxy.cut()
  await eventually(() => order.includes('outputStore false'))
  added.push(transport.subscribe({ name: 'meanwhile' }).then(() => order.push('meanwhile')))
  await proxy.accept()
  await eventually(() => order.includes('outputStore true') && added.length === 4)
  await Promise.all(added)
  expect(order.indexOf('meanwhile')).toBeLessThan(order.indexOf('outputStore true'))
  expect(order.filter((entry) => entry.startsWith('outputStore'))).toEqual(['outputStore false', 'outputStore true'])
  // The server may not have noticed yet that the first connection is gone.
  await eventually(async () => (await admin.call('PUBSUB', 'NUMPAT')) === 1 + added.length)
})

test('half-open: the heartbeat finds it, and messages flow again', async () => {
  const { transport, receiver } = make({ heartbeat: 100 })
  await transport.subscribe({ name: 'n' })
  await receiver.up('outputStore')
  proxy.blackhole('both')
  await eventually(() => !receiver.isUp('outputStore'))
  proxy.heal()
  await receiver.up('outputStore', 2)
  await emit(peer, '1')
  await receiver.arrived('1')
  expect(receiver.states('outputStore')).toEqual([true, false, true])
})

test('a control: without a heartbeat nobody finds it', async () => {
  const { transport, receiver } = make({ heartbeat: 0 })
  const watched = make({ heartbeat: 100 })
  await Promise.all([transport.subscribe({ name: 'n' }), watched.transport.subscribe({ name: 'n' })])
  await watched.receiver.up('outputStore')
  proxy.blackhole('both')
  await eventually(() => !watched.receiver.isUp('outputStore'))
  expect(receiver.isUp('outputStore')).toBe(true)
})

test('an idle connection that answers lives on; so does one that is busy while its PING is not answered', async () => {
  const heartbeat = 400
  const { transport, receiver } = make({ heartbeat })
  await transport.subscribe({ name: 'n' })
  await receiver.up('outputStore')
  let pings = 0
  proxy.filter = (direction, chunk) => {
    if (direction === 'up' && chunk.toString().toLowerCase().includes('ping')) pings++
    return chunk
  }
  await eventually(() => pings >= 3)
  proxy.filter = (direction, chunk) => {
    return direction === 'up' ? undefined : chunk
  }
  let count = 0
  const from = performance.now()
  await eventually(async () => {
    await emit(peer, `busy${count++}`)
    return performance.now() - from > 4 * heartbeat
  })
  expect(receiver.states('outputStore')).toEqual([true])
})

test('a blocked event loop does not cost the connection', async () => {
  const { transport, receiver } = make({ heartbeat: 500, subscribeTimeout: 800, publishTimeout: 800 }, redis.url)
  await transport.subscribe({ name: 'n' })
  await transport.connect()
  await receiver.up('outputStore')
  for (let round = 0; round < 3; round++) {
    const emitted = outcome(emit(transport, `${round}`))
    const subscribed = outcome(transport.subscribe({ name: `n${round}` }))
    await new Promise((resolve) => setImmediate(resolve))
    // The server needs a moment of a busy machine to answer, well within the block.
    const until = performance.now() + 1_600
    while (performance.now() < until);
    expect(await emitted).toBe('resolved')
    expect(await subscribed).toBe('resolved')
  }
  await receiver.arrived('2')
  expect(receiver.states('outputStore')).toEqual([true])
  expect(receiver.states('inputStore')).toEqual([true])
})

test('a subscription without an answer: the connection is replaced, and it settles on the next', async () => {
  const { transport, receiver } = make({ subscribeTimeout: 100, heartbeat: 0 })
  await transport.subscribe({ name: 'first' })
  await receiver.up('outputStore')
  proxy.blackhole('down')
  const pending = transport.subscribe({ name: 'n' })
  await eventually(() => !receiver.isUp('outputStore'))
  proxy.heal()
  await pending
  await receiver.up('outputStore', 2)
  await emit(peer, '1')
  await receiver.arrived('1')
})

test('unsubscribe settles while down, at an interruption, and without an answer', async () => {
  const { transport, receiver } = make({ subscribeTimeout: 100, heartbeat: 0 })
  await Promise.all(['a', 'b', 'c', 'd'].map((name) => transport.subscribe({ name })))
  await receiver.up('outputStore')
  proxy.blackhole('down')
  await transport.unsubscribe({ name: 'a' })
  expect(receiver.isUp('outputStore')).toBe(false)
  await transport.unsubscribe({ name: 'b' })
  proxy.heal()
  await receiver.up('outputStore', 2)
  proxy.blackhole('down')
  const unsubscribing = transport.unsubscribe({ name: 'c' })
  proxy.cut()
  await unsubscribing
  proxy.heal()
  proxy.cut()
  await receiver.up('outputStore', 3)
  await eventually(async () => (await admin.call('PUBSUB', 'NUMPAT')) === 1)
  await transport.unsubscribe({ name: 'never subscribed' })
})

test('a server that accepts and answers nothing is an attempt that failed, and bounded', async () => {
  const { transport, receiver } = make({ connectTimeout: 100 })
  redis.pause()
  const connecting = transport.connect()
  const subscribing = transport.subscribe({ name: 'n' })
  for (const store of ['inputStore', 'outputStore'] as const) await eventually(() => receiver.errors(store).length >= 2)
  expect(receiver.errors()[0]!.message).toMatch(/127\.0\.0\.1:\d+: not ready within 100 ms/)
  redis.resume()
  await Promise.all([connecting, subscribing])
})

test('a restoration that is not answered is bounded by connectTimeout, too', async () => {
  const { transport, receiver } = make({ connectTimeout: 150 })
  proxy.filter = (direction, chunk) => (direction === 'down' && chunk.includes('psubscribe') ? undefined : chunk)
  const subscribing = transport.subscribe({ name: 'n' })
  await eventually(() => receiver.errors('outputStore').length >= 2)
  proxy.filter = undefined
  await subscribing
})

test('SIGSTOP for longer than the heartbeat, then SIGCONT', async () => {
  const { transport, receiver } = make({ heartbeat: 100, publishTimeout: 5_000, connectTimeout: 300 }, redis.url)
  await transport.connect()
  await transport.subscribe({ name: 'n' })
  await receiver.up('outputStore')
  redis.pause()
  await eventually(() => !receiver.isUp('outputStore'))
  const emitted = outcome(emit(transport, 'frozen'))
  redis.resume()
  expect(await emitted).toBe('resolved')
  await receiver.up('outputStore', 2)
  await emit(transport, '1')
  await receiver.arrived('1')
})

test('a peer that answers no PUBLISH: a new connection gets its time, and does not pay for the ones before', async () => {
  const publishTimeout = 600
  const { transport, receiver } = make({ publishTimeout })
  await transport.connect()
  const isSwallowed = (chunk: Buffer): boolean => chunk[0] === 0x3a || chunk.toString().startsWith('+PONG')
  proxy.filter = (direction, chunk) => (direction === 'down' && isSwallowed(chunk) ? undefined : chunk)
  const settled: Promise<unknown>[] = []
  const from = performance.now()
  const emitting = setInterval(() => {
    settled.push(outcome(emit(transport, String(settled.length))))
  }, 10)
  await eventually(() => performance.now() - from > 5 * publishTimeout)
  clearInterval(emitting)
  const interruptions = receiver.states('inputStore').filter((up) => !up).length
  // No more than what half of publishTimeout for each of them allows, however slow this machine is.
  expect(interruptions).toBeLessThanOrEqual((performance.now() - from) / (publishTimeout / 2))
  expect(interruptions).toBeGreaterThanOrEqual(2)
  await Promise.all(settled)
  // What was swallowed is missing for ever: the next answers would be taken for it.
  const ups = receiver.states('inputStore').filter(Boolean).length + 1
  proxy.filter = undefined
  proxy.cut()
  await receiver.up('inputStore', ups)
  await emit(transport, 'sound')
})

test('maxclients reached and lifted', async () => {
  await admin.call('CONFIG', 'SET', 'maxclients', '1')
  const { transport, receiver } = make({}, redis.url)
  const connecting = transport.connect()
  await eventually(() => receiver.errors('inputStore').length >= 2)
  await admin.call('CONFIG', 'SET', 'maxclients', '100')
  await connecting
})
