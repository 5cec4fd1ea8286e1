import Redis from 'ioredis'
import type { RedisOptions } from 'ioredis'
import { AuthError, ConnectionError } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { eventually, startProxy, startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'
import { attached, event, outcome } from './support'

/** Not now is not no: what a server refuses for a while is asked again. */

let redis: RedisServer
let admin: Redis
beforeEach(async () => {
  redis = await startRedis()
  admin = new Redis(redis.url)
  admin.on('error', () => undefined)
})
afterEach(async () => {
  admin.disconnect()
  await redis.stop()
})
const make = (options: RedisTransportOptions & RedisOptions = {}): ReturnType<typeof attached> =>
  attached(new RedisTransport({ port: redis.port, ...options }))
const key = (id: string): { name: string; id: string } => ({ name: 'n', id })

/** Another client's script that runs for as long as it takes, from the moment on that the server says BUSY. */
async function busy(during: () => Promise<void>): Promise<void> {
  await admin.config('SET', 'busy-reply-threshold', '1')
  const tenant = new Redis(redis.url)
  const script = tenant.eval('while true do end', 0).catch(() => undefined)
  const busyNow = async (): Promise<boolean> => String(await outcome(admin.get('any'))).includes('BUSY')
  await eventually(busyNow)
  try {
    await during()
  } finally {
    await admin.script('KILL').catch(() => undefined)
    await script
    tenant.disconnect()
  }
}

describe.each(['pattern', 'name', 'id'] as const)('while somebody else runs a script: %s', (channels) => {
  test('waits, emits, kept ones, removals and lookups are held, and nothing is rejected or lost', async () => {
    const { transport, receiver } = make({ channels, publishTimeout: 20_000 })
    await transport.connect()
    const topic = (id: string): { name: string; id?: string } => (channels === 'id' ? key(id) : { name: 'n' })
    await transport.subscribe(channels === 'id' ? topic('old') : { name: 'old' })
    await receiver.up('outputStore')
    let settled: Promise<unknown>[] = []
    let found: Promise<unknown> | undefined
    await busy(async () => {
      settled = [
        outcome(transport.subscribe(topic('1'))),
        outcome(transport.publish(key('2'), event('[]'))),
        outcome(transport.keeper.publish(key('3'), event('[3]'), 60_000)),
        outcome(transport.keeper.forget(key('4'))),
      ]
      found = transport.keeper.recall([key('5')])
      // Several rounds of refusals.
      await new Promise((resolve) => setTimeout(resolve, 700))
    })
    expect(await Promise.all(settled)).toEqual(Array(4).fill('resolved'))
    expect(await found).toEqual([undefined])
    expect(await transport.keeper.recall([key('3')])).toMatchObject([{ body: '[3]' }])
    await transport.publish(key('1'), event('[]'))
    await receiver.arrived('1')
    expect(receiver.losses).toEqual([])
    expect(receiver.calls.filter((call) => call.type === 'state' && !call.up)).toEqual([])
  })
})

test('for longer than publishTimeout: each says why, and what was refused never takes effect', async () => {
  const { transport } = make({ publishTimeout: 400 })
  await transport.connect()
  await busy(async () => {
    const emitted = await outcome(transport.publish(key('1'), event('[]')))
    expect(emitted).toBeInstanceOf(ConnectionError)
    expect(emitted).toMatchObject({ sent: false })
    expect(String(emitted)).toMatch(/for now \(BUSY\)/)
    expect(await outcome(transport.keeper.forget(key('1')))).toBeInstanceOf(ConnectionError)
    const [found] = await transport.keeper.recall([key('1')])
    expect((found as Error).message).toMatch(/for now \(BUSY\)/)
  })
})

test('a reconnect in that time, without a ready check, loses no topic', async () => {
  const proxy = await startProxy(redis)
  try {
    const { transport, receiver } = make({ enableReadyCheck: false, port: proxy.port })
    await transport.subscribe({ name: 'a' })
    await transport.subscribe({ name: 'b' })
    await receiver.up('outputStore')
    await busy(async () => {
      proxy.cut()
      await eventually(() => !receiver.isUp('outputStore'))
      // Several rounds of refusals.
      await new Promise((resolve) => setTimeout(resolve, 700))
    })
    await receiver.up('outputStore', 2)
    expect(receiver.losses).toEqual([])
  } finally {
    await proxy.close()
  }
})

test('too many clients: the wait stays, and so does what is emitted', async () => {
  await admin.config('SET', 'maxclients', '1')
  const { transport, receiver } = make()
  const settled = [outcome(transport.subscribe({ name: 'n' })), outcome(transport.publish(key('1'), event('[]')))]
  await eventually(() => receiver.errors('inputStore').length > 1 && receiver.errors('outputStore').length > 1)
  await admin.config('SET', 'maxclients', '100')
  expect(await Promise.all(settled)).toEqual(['resolved', 'resolved'])
})

test('without a connection a lookup answers at once', async () => {
  const { transport, receiver } = make()
  await transport.connect()
  await redis.kill()
  await eventually(() => !receiver.isUp('inputStore'))
  await eventually(() => receiver.errors('inputStore').length > 0)
  const from = performance.now()
  expect(await transport.keeper.recall([key('1')])).toEqual([expect.any(ConnectionError)])
  expect(performance.now() - from).toBeLessThan(1_000)
})

test('wrong credentials: whoever asks while a backoff runs gets the last refusal, and no connection is made for him', async () => {
  await admin.acl('SETUSER', 'default', '>right')
  const { transport, receiver } = attached(new RedisTransport({ port: redis.port, password: 'wrong' }))
  const connections = async (): Promise<number> =>
    Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1])
  const before = await connections()
  const settled: Promise<unknown>[] = []
  for (let i = 0; i < 300; i++) {
    settled.push(outcome(transport.publish(key(String(i)), event('[]'))))
    settled.push(outcome(transport.subscribe({ name: `n${i}` })))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  for (const error of await Promise.all(settled)) expect(error).toBeInstanceOf(AuthError)
  expect((await connections()) - before).toBeLessThan(30)
  expect(receiver.losses).toEqual([])
})

test('wrong credentials: whoever asks again whenever he is refused does not stop the event loop', async () => {
  await admin.acl('SETUSER', 'default', '>right')
  const { transport } = attached(new RedisTransport({ port: redis.port, password: 'wrong' }))
  await outcome(transport.publish(key('1'), event('[]')))
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  let asked = 0
  while (turns < 20 && asked < 10_000) {
    asked++
    await outcome(asked % 2 === 0 ? transport.publish(key('1'), event('[]')) : transport.subscribe({ name: 'n' }))
  }
  clearInterval(timer)
  expect(asked).toBeLessThan(10_000)
})
