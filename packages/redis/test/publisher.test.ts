import Redis from 'ioredis'
import { ConnectionError, UncertainError } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { eventually, startProxy, startRedis } from '@server-events/testing'
import type { FaultProxy, RedisServer } from '@server-events/testing'
import { attached, event, outcome } from './support'
import type { RecordingReceiver } from './support'

let redis: RedisServer
let proxy: FaultProxy
let admin: Redis
let peer: { transport: RedisTransport; receiver: RecordingReceiver }
beforeEach(async () => {
  redis = await startRedis()
  proxy = await startProxy(redis)
  admin = new Redis(redis.url)
  admin.on('error', () => {})
  peer = make({}, redis.url)
  await peer.transport.subscribe({ name: 'n' })
  await peer.receiver.up('outputStore')
})
afterEach(async () => {
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
const emit = (transport: RedisTransport, id: string, body = '[]'): Promise<void> =>
  transport.publish({ name: 'n', id }, event(body))

test('a reply to PUBLISH that is swallowed, then a cut: it is sent again, and settles', async () => {
  const { transport, receiver } = make()
  await transport.connect()
  proxy.blackhole('down')
  const emitted = [emit(transport, '1'), emit(transport, '2')]
  await peer.receiver.arrived('2')
  proxy.heal()
  proxy.cut()
  await Promise.all(emitted)
  // The server has them; the peer's connection may be behind.
  await eventually(() => peer.receiver.ids.length >= 4)
  expect(peer.receiver.ids.sort()).toEqual(['1', '1', '2', '2'])
  expect(receiver.states('inputStore')).toEqual([true, false, true])
})

test('what is emitted while the server is away is held in order, and sent when it is back', async () => {
  const { transport } = make()
  proxy.refuse()
  const emitted = Array.from({ length: 50 }, (_, i) => emit(transport, String(i)))
  await proxy.accept()
  await Promise.all(emitted)
  await peer.receiver.arrived('49')
  expect(peer.receiver.ids).toEqual(Array.from({ length: 50 }, (_, i) => String(i)))
})

test('never written by its deadline: ConnectionError, and it never takes effect', async () => {
  const { transport, receiver } = make({ publishTimeout: 100 })
  proxy.refuse()
  const error = await outcome(emit(transport, 'late', '["payload"]'))
  expect(error).toBeInstanceOf(ConnectionError)
  expect(error).toMatchObject({ sent: false })
  expect(String(error)).toContain(`127.0.0.1:${proxy.port}`)
  expect(String(error)).not.toContain('payload')
  await proxy.accept()
  await receiver.up('inputStore')
  await emit(transport, 'sentinel')
  await peer.receiver.arrived('sentinel')
  expect(peer.receiver.ids).toEqual(['sentinel'])
})

test('written and not acknowledged by its deadline: UncertainError; the silent connection is replaced, once', async () => {
  const { transport, receiver } = make({ publishTimeout: 200 })
  await transport.connect()
  proxy.blackhole('down')
  const settled = [outcome(emit(transport, '1', '["payload"]')), outcome(emit(transport, '2'))]
  for (const error of await Promise.all(settled)) {
    expect(error).toBeInstanceOf(UncertainError)
    expect(String(error)).not.toContain('payload')
  }
  await eventually(() => !receiver.isUp('inputStore'))
  proxy.heal()
  await receiver.up('inputStore', 2)
  await emit(transport, '3')
  expect(receiver.states('inputStore')).toEqual([true, false, true])
})

test('a tick that takes longer than publishTimeout is held against nothing that was emitted at its end', async () => {
  const { transport } = make({ publishTimeout: 200 })
  await transport.connect()
  const joined = outcome(emit(transport, 'first'))
  for (const end = performance.now() + 300; performance.now() < end;);
  const settled = [joined, outcome(emit(transport, 'joins it')), outcome(emit(transport, 'last'))]
  expect(await Promise.all(settled)).toEqual(Array(3).fill('resolved'))
  await peer.receiver.arrived('last')
})

test('one half-open episode with a stream of emits is one interruption', async () => {
  const { transport, receiver } = make({ publishTimeout: 2_000 })
  await transport.connect()
  proxy.blackhole('down')
  const settled: Promise<unknown>[] = []
  for (let i = 0; receiver.isUp('inputStore'); i++) {
    settled.push(outcome(emit(transport, String(i))))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  proxy.heal()
  // Found at half of publishTimeout: so all of them still have time on the next connection.
  expect(new Set(await Promise.all(settled))).toEqual(new Set(['resolved']))
  await emit(transport, 'sentinel')
  expect(receiver.states('inputStore')).toEqual([true, false, true])
})

test('a rejected emit is not written later, although the socket was only slow', async () => {
  const { transport, receiver } = make({ publishTimeout: 150 })
  await transport.connect()
  proxy.blackhole('up')
  expect(await outcome(emit(transport, 'rejected'))).toBeInstanceOf(UncertainError)
  await eventually(() => !receiver.isUp('inputStore'))
  proxy.heal()
  await receiver.up('inputStore', 2)
  await emit(transport, 'sentinel')
  await peer.receiver.arrived('sentinel')
  expect(peer.receiver.ids).toEqual(['sentinel'])
})

test('more than maxQueued emits while away: the rest reject at once, what is held goes through', async () => {
  const { transport } = make({ maxQueued: 10 })
  proxy.refuse()
  const settled = Array.from({ length: 15 }, (_, i) => outcome(emit(transport, String(i))))
  const rejected = await Promise.all(settled.slice(10))
  for (const error of rejected) {
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error).toMatchObject({ sent: false })
  }
  await proxy.accept()
  expect(await Promise.all(settled.slice(0, 10))).toEqual(Array(10).fill('resolved'))
  await peer.receiver.arrived('9')
  expect(peer.receiver.ids).toHaveLength(10)
  // A connection that is up holds nothing back.
  const many = Array.from({ length: 100 }, (_, i) => emit(transport, `up${i}`))
  await Promise.all(many)
})

test('the order survives cuts', async () => {
  const { transport } = make()
  await transport.connect()
  const emitted: Promise<void>[] = []
  for (let i = 0; i < 300; i++) {
    emitted.push(emit(transport, String(i)))
    if (i % 5 === 0) await new Promise(setImmediate)
    if (i % 60 === 59) proxy.cut()
  }
  await Promise.all(emitted)
  await peer.receiver.arrived('299')
  // A publish that was sent again may arrive twice: the last copy of each is in order, and none is missing.
  const last = new Map<string, number>()
  peer.receiver.ids.forEach((id, at) => last.set(id, at))
  const inOrder = [...last].sort((a, b) => a[1] - b[1]).map(([id]) => id)
  expect(inOrder).toEqual(Array.from({ length: 300 }, (_, i) => String(i)))
})

test('kill -9 and restart while emitting: everything settles, and what resolved after the restart arrived', async () => {
  const { transport, receiver } = make({}, redis.url)
  await transport.connect()
  const before = outcome(emit(transport, 'before'))
  await redis.kill()
  const during = outcome(emit(transport, 'during'))
  await redis.restart()
  expect(await before).toBe('resolved')
  expect(await during).toBe('resolved')
  await receiver.up('inputStore', 2)
  await peer.receiver.up('outputStore', 2)
  await emit(transport, 'after')
  await peer.receiver.arrived('after')
})
