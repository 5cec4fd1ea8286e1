import { connect, headers } from '@nats-io/transport-node'
import type { NatsConnection } from '@nats-io/transport-node'
import { Kvm } from '@nats-io/kv'
import { eventually, startNats, startProxy } from '@server-events/testing'
import type { NatsServer } from '@server-events/testing'
import { closeAll, event, open, rejection } from './support'

let nats: NatsServer
let admin: NatsConnection

beforeAll(async () => {
  nats = await startNats()
  admin = await connect({ servers: `127.0.0.1:${nats.port}` })
})

afterEach(closeAll)

afterAll(async () => {
  await admin.close()
  await nats.stop()
})

const key = { name: 'report', id: '42' }

test('the bucket is one of key-value, made when it is first needed, whose keys are the subjects', async () => {
  const { transport } = open(nats, { prefix: 'shop.eu', maxKeep: 3_600_000 })
  await transport.keeper?.publish({ name: 'report', id: 'a b' }, event('["done"]'), 60_000)
  const bucket = await new Kvm(admin).open('shop_eu_kept')
  const { ttl, history } = await bucket.status()
  expect({ ttl, history }).toEqual({ ttl: 3_600_000, history: 1 })
  expect((await bucket.get('shop.eu.report.a=20b'))?.string()).toBe('["done"]')
})

test('a bucket that is there is taken as it is, and nothing can be kept for longer than it keeps', async () => {
  await new Kvm(admin).create('short', { ttl: 5_000 })
  const { transport, receiver } = open(nats, { bucket: 'short' })
  await transport.subscribe(key)
  await transport.keeper?.publish(key, event('kept'), 5_000)
  const error = await rejection(transport.keeper!.publish(key, event('longer'), 5_001))
  expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  expect(error.message).toContain('cannot be kept for 5001 ms: bucket short keeps nothing for longer than 5000 ms')
  await transport.publish(key, event('end'))
  await eventually(() => receiver.bodies.includes('end'))
  expect(receiver.bodies).toEqual(['kept', 'end'])
})

test('two prefixes that share a bucket do not see each other', async () => {
  const one = open(nats, { prefix: 'a.b', bucket: 'shared' })
  const two = open(nats, { prefix: 'a_b', bucket: 'shared' })
  await one.transport.keeper?.publish(key, event('of one'), 60_000)
  expect(await two.transport.keeper?.recall([key])).toEqual([undefined])
  expect(await one.transport.keeper?.recall([key])).toEqual([event('of one')])
})

test('a bucket that was deleted meanwhile is made again', async () => {
  const { transport } = open(nats, { bucket: 'deleted' })
  await transport.keeper?.publish(key, event('1'), 60_000)
  await (await new Kvm(admin).open('deleted')).destroy()
  expect(await transport.keeper?.recall([key])).toEqual([undefined])
  await (await new Kvm(admin).open('deleted')).destroy()
  await transport.keeper?.publish(key, event('2'), 60_000)
  expect(await transport.keeper?.recall([key])).toEqual([event('2')])
})

test('many outcomes are recalled at once, in the order of the keys', async () => {
  const { transport } = open(nats, { publishTimeout: 60_000 })
  const keys = Array.from({ length: 1_000 }, (_, index) => ({ name: 'many', id: String(index) }))
  await Promise.all(keys.map((each) => transport.keeper!.publish(each, event(each.id), 60_000)))
  const answers = await transport.keeper?.recall([...keys, { name: 'many', id: 'none' }])
  expect(answers).toEqual([...keys.map(({ id }) => event(id)), undefined])
})

test('what cannot be read is an error, not absence', async () => {
  const { transport } = open(nats)
  await transport.connect()
  const bucket = await new Kvm(admin).open('se_kept')
  await bucket.put('se.report.plain', '["by hand"]')
  const { js } = new Kvm(admin)
  const later = headers()
  later.set('Se-Kind', 'of a later version')
  await js.publish('$KV.se_kept.se.report.later', 'x', { headers: later })
  const ids = ['plain', 'later', 'none']
  const answers = await transport.keeper?.recall(ids.map((id) => ({ name: 'report', id })))
  expect(answers).toEqual([event('["by hand"]'), expect.objectContaining({ code: 'ERR_UNSUPPORTED' }), undefined])
})

test('a store that does not answer leaves time to publish: the emit is not kept', async () => {
  const proxy = await startProxy(nats)
  const { transport, receiver } = open(proxy, { publishTimeout: 4_000, bucket: 'silent' })
  await transport.connect()
  await transport.subscribe(key)
  // What is for the store is swallowed; it begins a command of its own in whatever arrives.
  proxy.filter = (direction, chunk) =>
    direction === 'up' && chunk.toString('latin1').includes('$KV.silent.') ? undefined : chunk
  const error = await rejection(transport.keeper!.publish(key, event('heard'), 60_000))
  expect(error).toMatchObject({ code: 'ERR_NOT_KEPT' })
  expect(receiver.bodies).toEqual(['heard'])
  await closeAll()
  await proxy.close()
})

test('an outcome that takes longer to arrive than the client gives an answer', async () => {
  const proxy = await startProxy(nats)
  const { transport, receiver } = open(proxy, { publishTimeout: 800 })
  const body = JSON.stringify(['x'.repeat(270_000)])
  await transport.keeper?.publish(key, event(body), 60_000)
  // Six seconds, in base64.
  proxy.bytesPerSecond = 60_000
  expect(await transport.keeper?.recall([key])).toEqual([event(body)])
  expect(receiver.ups('inputStore')).toBe(1)
  await closeAll()
  await proxy.close()
})

test('a kept emit that was cut off is stored and published on the next connection', async () => {
  const proxy = await startProxy(nats)
  const { transport, receiver } = open(proxy, { bucket: 'cut' })
  await transport.connect()
  await transport.subscribe(key)
  proxy.filter = (direction, chunk) => {
    if (direction === 'down' || !chunk.toString('latin1').includes('$KV.cut.')) return chunk
    proxy.filter = undefined
    proxy.cut()
    return undefined
  }
  const kept = transport.keeper?.publish(key, event('kept'), 60_000)
  const behind = transport.publish(key, event('behind'))
  await Promise.all([kept, behind])
  expect(receiver.log.filter((line) => line === 'inputStore down')).toHaveLength(1)
  expect(await transport.keeper?.recall([key])).toEqual([event('kept')])
  await eventually(() => receiver.bodies.length === 2)
  expect(receiver.bodies).toEqual(['kept', 'behind'])
  await closeAll()
  await proxy.close()
})

test('a server from 2.11 on is asked to delete each outcome at its own time', async () => {
  const proxy = await startProxy(nats)
  const asked: string[] = []
  // As long as what it replaces: the protocol counts bytes.
  const pretend = (text: string): string =>
    text
      .replace(/"version":"2\.(9|10)\.\d+"/, (version) => '"version":"2.11.0"'.padEnd(version.length))
      .replace('"allow_rollup_hdrs":true', '"allow_msg_ttl":true    ')
  proxy.filter = (direction, chunk) => {
    const text = chunk.toString('latin1')
    if (direction === 'down') return Buffer.from(pretend(text), 'latin1')
    asked.push(text)
    return chunk
  }
  const { transport } = open(proxy, { bucket: 'modern' })
  await transport.keeper?.publish(key, event('kept'), 1_500)
  expect(asked.join('')).toMatch(/STREAM\.CREATE\.KV_modern [^]*"allow_msg_ttl":true/)
  expect(asked.join('')).toMatch(/HPUB \$KV\.modern\.se\.report\.42 [^]*\r\nNats-TTL: 2s\r\n/)
  expect(await transport.keeper?.recall([key])).toEqual([event('kept')])
  await closeAll()
  await proxy.close()
})

test('what such a server leaves of an outcome that it has deleted is absence', async () => {
  const { transport } = open(nats)
  await transport.keeper?.publish(key, event('kept'), 60_000)
  const marker = headers()
  marker.set('Nats-Marker-Reason', 'MaxAge')
  await new Kvm(admin).js.publish('$KV.se_kept.se.report.42', '', { headers: marker })
  expect(await transport.keeper?.recall([key])).toEqual([undefined])
})

describe('by the clock of the server', () => {
  afterEach(() => {
    jest.restoreAllMocks()
  })

  /** From now on the clock of this process is minutes off; the server's is right. */
  const shiftClock = (minutes: number): void => {
    const now = Date.now.bind(Date)
    jest.spyOn(Date, 'now').mockImplementation(() => now() + minutes * 60_000)
  }

  test.each([2, -2])('an outcome is found that is fresh, on a waiter that is %s minutes ahead', async (minutes) => {
    await open(nats).transport.keeper?.publish(key, event('fresh'), 60_000)
    shiftClock(minutes)
    expect(await open(nats).transport.keeper?.recall([key])).toEqual([event('fresh')])
  })

  test.each([2, -2])('an outcome is gone that has expired, on a waiter that is %s minutes ahead', async (minutes) => {
    const gone = { name: 'report', id: `gone ${minutes}` }
    await open(nats).transport.keeper?.publish(gone, event('short'), 50)
    shiftClock(minutes)
    const waiter = open(nats)
    await eventually(async () => (await waiter.transport.keeper?.recall([gone]))?.[0] === undefined)
  })

  test('a waiter asks for the time once for a connection, and leaves no consumer behind for long', async () => {
    const { transport } = open(nats)
    await transport.connect()
    const asked = await countOf(async () => {
      for (let round = 0; round < 5; round++) await transport.keeper?.recall([key])
    })
    expect(asked).toBeLessThanOrEqual(1)
  })

  /** How many consumers were made while this ran. */
  async function countOf(work: () => Promise<void>): Promise<number> {
    let count = 0
    const advisories = admin.subscribe('$JS.EVENT.ADVISORY.CONSUMER.CREATED.>', {
      callback: () => {
        count++
      },
    })
    await admin.flush()
    await work()
    await admin.flush()
    advisories.unsubscribe()
    return count
  }
})
