// What options 'name' and 'id' of channels have of their own; what all have in common, the conformance kit tests.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import Redis from 'ioredis'
import { ForbiddenError } from 'server-events'
import type { EventKey } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { eventually, startProxy, startRedis } from '@server-events/testing'
import type { FaultProxy, RedisServer } from '@server-events/testing'
import { RecordingReceiver, attached, event, outcome } from './support'

let redis: RedisServer
let proxy: FaultProxy
let admin: Redis
beforeAll(async () => {
  redis = await startRedis()
  admin = new Redis(redis.url)
})
beforeEach(async () => {
  proxy = await startProxy(redis)
})
afterAll(async () => {
  admin.disconnect()
  await redis.stop()
})

afterEach(() => proxy.close())
function make(
  options: RedisTransportOptions & { username?: string; password?: string } = {},
  url = redis.url,
): { transport: RedisTransport; receiver: RecordingReceiver } {
  return attached(new RedisTransport(url, { channels: 'id', ...options }))
}

const counts = async (): Promise<{ channels: number; patterns: number }> => ({
  channels: ((await admin.call('PUBSUB', 'CHANNELS')) as string[]).length,
  patterns: (await admin.call('PUBSUB', 'NUMPAT')) as number,
})
/** How often the server has executed a command. */
const calls = async (command: string): Promise<number> =>
  Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await admin.info('commandstats'))?.[1] ?? 0)
/** A link on which everything takes `delay` ms each way. */
async function startSlowLink(delay: number): Promise<{ url: string; cut(): void; close(): void }> {
  const sockets = new Set<Socket>()
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: redis.port, host: '127.0.0.1', noDelay: true })
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), delay))
      from.on('error', () => undefined)
      from.on('close', () => to.destroy())
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const close = (): void => {
    server.close()
    cut()
  }
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, cut, close }
}
const keys = (count: number, name = 'n'): EventKey[] => Array.from({ length: count }, (_, i) => ({ name, id: `${i}` }))

describe("'name'", () => {
  test('one channel for a name; thousands of them cost a PUBLISH nothing and no pattern', async () => {
    const { transport, receiver } = make({ channels: 'name' })
    await transport.connect()
    await Promise.all(keys(1_500).map(({ id }) => transport.subscribe({ name: `n${id}` })))
    expect(await counts()).toEqual({ channels: 1_500, patterns: 0 })
    await Promise.all(keys(1_500).map(({ id }) => transport.publish({ name: `n${id}`, id }, event('[]'))))
    await receiver.arrived('1499')
    expect(receiver.delivered.map(({ key }) => key)).toEqual(keys(1_500).map(({ id }) => ({ name: `n${id}`, id })))
    await Promise.all(keys(1_500).map(({ id }) => transport.unsubscribe({ name: `n${id}` })))
    expect(await counts()).toEqual({ channels: 0, patterns: 0 })
  })

  test('events of one tick are one frame on the channel of the name', async () => {
    const sniffer = new Redis(redis.url)
    const seen: string[][] = []
    sniffer.on('pmessage', (...told: string[]) => seen.push(told.slice(1)))
    await sniffer.psubscribe('se:*')
    const { transport } = make({ channels: 'name' })
    await transport.connect()
    await Promise.all(['1', '2'].map((id) => transport.publish({ name: 'a:*', id }, event('[]'))))
    await eventually(() => seen.length > 0)
    expect(seen).toEqual([['se:a%3A*:', 'se2\ne1\t\t[]\ne2\t\t[]']])
    sniffer.disconnect()
  })
})

describe("'id'", () => {
  test('an event is a frame of one on the channel of its id, in the order of emitting', async () => {
    const sniffer = new Redis(redis.url)
    const seen: string[][] = []
    sniffer.on('pmessage', (...told: string[]) => seen.push(told.slice(1)))
    await sniffer.psubscribe('se:*')
    const { transport } = make()
    await transport.connect()
    const emits = ['1', '*:%', '2'].map((id) => transport.publish({ name: 'a:*', id }, event('[]')))
    emits.push(transport.keeper.publish({ name: 'a:*', id: '3' }, event('[]', { kept: true }), 60_000))
    await Promise.all(emits)
    await eventually(() => seen.length >= 4)
    expect(seen).toEqual([
      ['se:a%3A*:1', 'se2\ne1\t\t[]'],
      ['se:a%3A*:*%3A%25', 'se2\ne*%3A%25\t\t[]'],
      ['se:a%3A*:2', 'se2\ne2\t\t[]'],
      ['se:a%3A*:3', 'se2\nE3\t\t[]'],
    ])
    sniffer.disconnect()
  })

  test('only who waits for the id hears it', async () => {
    const [one, two, emitter] = [make(), make(), make()]
    await one.transport.subscribe({ name: 'n', id: '1' })
    await two.transport.subscribe({ name: 'n', id: '2' })
    const before = await calls('publish')
    expect(await admin.publish('se:n:1', 'se2\ne1\t\t[]')).toBe(1)
    expect(await admin.publish('se:n:3', 'se2\ne3\t\t[]')).toBe(0)
    await emitter.transport.publish({ name: 'n', id: '2' }, event('[]'))
    await two.receiver.arrived('2')
    expect(await calls('publish')).toBe(before + 3)
    await one.receiver.arrived('1')
    expect([one.receiver.ids, two.receiver.ids]).toEqual([['1'], ['2']])
  })

  test('what belongs to another id is garbage on the channel of this one', async () => {
    const { transport, receiver } = make()
    await transport.subscribe({ name: 'n', id: '1' })
    await admin.publish('se:n:1', 'se2\ne2\t\t[]')
    await transport.publish({ name: 'n', id: '1' }, event('[]'))
    await receiver.arrived('1')
    expect(receiver.ids).toEqual(['1'])
    expect(receiver.errors('outputStore')).toMatchObject([{ code: 'ERR_SERIALIZATION' }])
  })

  test("a wait for the id '*' is no pattern, and a pattern is no wait for it", async () => {
    const [wait, listen] = [make(), make()]
    await wait.transport.subscribe({ name: 'n', id: '*' })
    await listen.transport.subscribe({ name: 'n' })
    await listen.transport.subscribe({ name: 'n', id: '*' })
    for (const id of ['1', '*']) await wait.transport.publish({ name: 'n', id }, event('[]'))
    await listen.transport.publish({ name: 'n', id: 'sentinel' }, event('[]'))
    await listen.receiver.arrived('sentinel')
    await wait.receiver.arrived('*')
    expect(wait.receiver.ids).toEqual(['*'])
    expect(listen.receiver.ids).toEqual(['1', '*', 'sentinel'])
    await listen.transport.unsubscribe({ name: 'n' })
    await wait.transport.publish({ name: 'n', id: '*' }, event('[]'))
    await eventually(() => listen.receiver.ids.filter((id) => id === '*').length === 2)
    expect(await counts()).toEqual({ channels: 1, patterns: 0 })
  })

  test('subscribes and unsubscribes of one tick are few commands', async () => {
    const { transport } = make()
    await transport.subscribe({ name: 'n' })
    const before = { subscribe: await calls('subscribe'), unsubscribe: await calls('unsubscribe') }
    const all = keys(2_000)
    await Promise.all(all.map((key) => transport.subscribe(key)))
    expect(await counts()).toEqual({ channels: 2_000, patterns: 1 })
    await Promise.all(all.map((key) => transport.unsubscribe(key)))
    expect(await counts()).toEqual({ channels: 0, patterns: 1 })
    expect((await calls('subscribe')) - before.subscribe).toBe(4)
    expect((await calls('unsubscribe')) - before.unsubscribe).toBe(4)
  })

  test('a subscription given up in the tick in which it was asked for is not asked for', async () => {
    const { transport } = make()
    await transport.subscribe({ name: 'n', id: '1' })
    const before = [await calls('subscribe'), await calls('unsubscribe')]
    transport.subscribe({ name: 'n', id: '2' }).catch(() => undefined)
    await transport.unsubscribe({ name: 'n', id: '2' })
    await transport.subscribe({ name: 'n', id: '3' })
    expect([await calls('subscribe'), await calls('unsubscribe')]).toEqual([before[0]! + 1, before[1]])
    expect(await counts()).toEqual({ channels: 2, patterns: 0 })
  })

  test('many come back after the connection is lost, in few commands, before the state says so', async () => {
    const { transport, receiver } = make()
    const all = keys(20_000)
    await Promise.all(all.map((key) => transport.subscribe(key)))
    await transport.subscribe({ name: 'n' })
    const before = await calls('subscribe')
    await admin.client('KILL', 'TYPE', 'pubsub')
    await receiver.up('outputStore', 2)
    expect(await counts()).toEqual({ channels: 20_000, patterns: 1 })
    expect((await calls('subscribe')) - before).toBeLessThanOrEqual(Math.ceil(20_000 / 512) + 3)
    await transport.publish({ name: 'n', id: '19999' }, event('[]'))
    await transport.publish({ name: 'n', id: 'sentinel' }, event('[]'))
    await receiver.arrived('sentinel')
    expect(receiver.ids).toEqual(['19999', 'sentinel'])
    expect(receiver.states('outputStore')).toEqual([true, false, true])
    expect(receiver.errors()).toEqual([])
  })

  test('given up and asked for while it comes back: what stands is what is desired', async () => {
    const { transport, receiver } = make({}, proxy.url)
    const all = keys(9_000)
    await Promise.all(all.map((key) => transport.subscribe(key)))
    const changes: Promise<unknown>[] = []
    let changed = false
    proxy.filter = (direction, chunk) => {
      // With the first replies: some are asked for, others are not yet.
      if (direction === 'down' && !changed && chunk.includes('subscribe')) {
        changed = true
        for (const key of [...all.slice(0, 10), ...all.slice(-10)]) changes.push(transport.unsubscribe(key))
        for (const key of keys(5, 'm')) changes.push(transport.subscribe(key))
        changes.push(transport.subscribe({ name: 'm' }))
      }
      return chunk
    }
    proxy.cut()
    await receiver.up('outputStore', 2)
    await Promise.all(changes)
    expect(await counts()).toEqual({ channels: 9_000 - 20 + 5, patterns: 1 })
  })

  test('waits that come and go all the time do not keep it from coming back', async () => {
    const link = await startSlowLink(5)
    const { transport, receiver } = make({ connectTimeout: 2_000 }, link.url)
    await transport.subscribe({ name: 'n', id: 'first' })
    await receiver.up('outputStore')
    const settled: Promise<unknown>[] = []
    let count = 0
    const load = setInterval(() => {
      for (let i = 0; i < 3; i++) {
        const key = { name: 'n', id: `${count++}` }
        settled.push(outcome(transport.subscribe(key).then(() => transport.unsubscribe(key))))
      }
    }, 1)
    try {
      link.cut()
      await receiver.up('outputStore', 2)
      clearInterval(load)
      expect(new Set(await Promise.all(settled))).toEqual(new Set(['resolved']))
      expect(receiver.errors()).toEqual([])
      expect(receiver.states('outputStore')).toEqual([true, false, true])
      expect(await counts()).toEqual({ channels: 1, patterns: 0 })
    } finally {
      clearInterval(load)
      link.close()
    }
  })

  test('cut while many come back: they come back on the next connection', async () => {
    const { transport, receiver } = make({}, proxy.url)
    await Promise.all(keys(9_000).map((key) => transport.subscribe(key)))
    let cuts = 0
    proxy.filter = (direction, chunk) => {
      if (direction === 'up' || cuts === 2 || !chunk.includes('subscribe')) return chunk
      cuts++
      proxy.cut()
      return undefined
    }
    proxy.cut()
    await receiver.up('outputStore', 2)
    expect(cuts).toBe(2)
    expect(await counts()).toEqual({ channels: 9_000, patterns: 0 })
  })

  test('asked for at any moment around the one at which the connection is up', async () => {
    for (let turns = 0; turns < 30; turns++) {
      const { transport } = make()
      let subscribing: Promise<void> = transport.subscribe({ name: 'n', id: 'first' })
      for (let turn = 0; turn < turns; turn++) subscribing = subscribing.then(() => undefined)
      await subscribing.then(() => transport.subscribe({ name: 'n', id: 'second' }))
      await transport.close()
    }
  })

  test('cut between SUBSCRIBE and its reply: settles on the next connection, once', async () => {
    const { transport, receiver } = make({}, proxy.url)
    await transport.subscribe({ name: 'n' })
    await receiver.up('outputStore')
    let cuts = 0
    proxy.filter = (direction, chunk) => {
      if (direction === 'down' && chunk.includes('\nsubscribe') && cuts < 2) {
        cuts++
        proxy.cut()
        return undefined
      }
      return chunk
    }
    const all = keys(1_200)
    await Promise.all(all.map((key) => transport.subscribe(key)))
    expect(cuts).toBe(2)
    await receiver.up('outputStore', 2)
    expect(await counts()).toEqual({ channels: 1_200, patterns: 1 })
  })

  test('not answered in time: the connection is replaced, and all settle on the next one', async () => {
    const { transport, receiver } = make({ subscribeTimeout: 100, heartbeat: 0 }, proxy.url)
    await transport.subscribe({ name: 'n' })
    await receiver.up('outputStore')
    proxy.blackhole('down')
    const pending = keys(700).map((key) => transport.subscribe(key))
    await eventually(() => !receiver.isUp('outputStore'))
    proxy.heal()
    await Promise.all(pending)
    proxy.blackhole('down')
    const leaving = keys(700).map((key) => transport.unsubscribe(key))
    await Promise.all(leaving)
    expect(receiver.isUp('outputStore')).toBe(false)
    proxy.heal()
    await receiver.up('outputStore', 3)
    expect(await counts()).toEqual({ channels: 0, patterns: 1 })
  })

  test('of many that are asked for in one command only the forbidden ones reject, on each connection', async () => {
    const rules = 'reset on >secret allkeys +@all &se:open:*'.split(' ')
    await admin.call('ACL', 'SETUSER', 'limited', ...rules)
    const { transport, receiver } = make({ username: 'limited', password: 'secret' })
    await transport.subscribe({ name: 'open', id: 'first' })
    await receiver.up('outputStore')
    const asked = keys(600).map(({ id }, i) => ({ name: i % 100 === 7 ? 'closed' : 'open', id }))
    const settled = await Promise.all(asked.map((key) => outcome(transport.subscribe(key))))
    for (const [i, key] of asked.entries()) {
      if (key.name === 'open') expect(settled[i]).toBe('resolved')
      else expect(settled[i]).toMatchObject({ code: ForbiddenError.code, channel: `se:closed:${key.id}` })
    }
    expect(receiver.states('outputStore')).toEqual([true])
    expect(receiver.losses).toEqual([])
    expect(await counts()).toEqual({ channels: 595, patterns: 0 })

    // What stood and is not allowed again is lost, the others stand.
    await admin.call('ACL', 'SETUSER', 'limited', '&se:closed:*')
    const closed = asked.filter(({ name }) => name === 'closed')
    await Promise.all(closed.map((key) => transport.subscribe(key)))
    await admin.call('ACL', 'SETUSER', 'limited', ...rules)
    await receiver.up('outputStore', 2)
    expect(receiver.losses.map(({ topic }) => topic)).toEqual(closed)
    expect(await counts()).toEqual({ channels: 595, patterns: 0 })
  })

  test('what was given up is silent, also where it is still on its way', async () => {
    const { transport, receiver } = make()
    const emitter = make().transport
    await transport.subscribe({ name: 'n', id: '1' })
    await transport.subscribe({ name: 'n', id: '2' })
    receiver.deliver = function (...told) {
      void transport.unsubscribe({ name: 'n', id: '1' })
      RecordingReceiver.prototype.deliver.apply(this, told)
    }
    for (const id of ['1', '1', '1', '2']) await emitter.publish({ name: 'n', id }, event('[]'))
    await receiver.arrived('2')
    expect(receiver.ids).toEqual(['1', '2'])
  })
})

describe("'id', with a wait and a listener on one name: each event comes once", () => {
  const once = async (
    change: (transport: RedisTransport, key: EventKey) => void,
    { bodies = ['[]'] }: { bodies?: readonly string[] } = {},
  ): Promise<void> => {
    const { transport, receiver } = make()
    const emitter = make().transport
    const key = { name: 'n', id: '1' }
    await transport.subscribe(key)
    await transport.subscribe({ name: 'n' })
    receiver.deliver = function (...told) {
      change(transport, key)
      RecordingReceiver.prototype.deliver.apply(this, told)
    }
    for (const body of bodies) await emitter.publish(key, event(body))
    await emitter.publish({ name: 'n', id: 'sentinel' }, event('[]'))
    await receiver.arrived('sentinel')
    expect(receiver.ids).toEqual([...bodies.map(() => '1'), 'sentinel'])
  }

  test('and equal ones come as often as they were emitted', () => once(() => undefined, { bodies: ['1', '1', '1'] }))

  test('also when the first one ends the wait, and equal ones follow', () =>
    once((transport, key) => void transport.unsubscribe(key), { bodies: ['1', '1', '2', '1'] }))

  test.each(['on the same connection', 'on the next one'])(
    'one that came before the listener stood is not taken for its equal that comes after, %s',
    async (where) => {
      const { transport, receiver } = make({}, proxy.url)
      const key = { name: 'n', id: '1' }
      await transport.subscribe(key)
      await receiver.up('outputStore')
      let held: Buffer | undefined
      proxy.filter = (direction, chunk) => {
        if (direction === 'down') return chunk
        if (chunk.includes('psubscribe')) {
          held = chunk
          return undefined
        }
        return held && chunk.includes('unsubscribe') ? Buffer.concat([held, chunk]) : chunk
      }
      const listening = transport.subscribe({ name: 'n' })
      await eventually(() => held !== undefined)
      await admin.publish('se:n:1', 'se2\ne1\t\t[]')
      await receiver.arrived('1')
      if (where === 'on the next one') {
        proxy.filter = undefined
        proxy.cut()
        await eventually(() => !receiver.isUp('outputStore'))
      }
      await transport.unsubscribe(key)
      await listening
      await admin.publish('se:n:1', 'se2\ne1\t\t[]')
      await admin.publish('se:n:sentinel', 'se2\nesentinel\t\t[]')
      await receiver.arrived('sentinel')
      expect(receiver.ids).toEqual(['1', '1', 'sentinel'])
    },
  )

  test('nor if the listener is confirmed, the wait given up and the equal event heard in one read', async () => {
    const { transport, receiver } = make({}, proxy.url)
    const key = { name: 'n', id: '1' }
    await transport.subscribe(key)
    await receiver.up('outputStore')
    let asked: Buffer | undefined
    const answers: Buffer[] = []
    let reads = 0
    proxy.filter = (direction, chunk) => {
      if (direction === 'up') {
        if (chunk.includes('psubscribe')) {
          asked = chunk
          return undefined
        }
        return asked && chunk.includes('unsubscribe') ? Buffer.concat([asked, chunk]) : chunk
      }
      if (!receiver.ids.includes('1')) return chunk
      answers.push(chunk)
      if (!chunk.includes('pmessage')) return undefined
      reads++
      return Buffer.concat(answers.splice(0))
    }
    const listening = transport.subscribe({ name: 'n' })
    await eventually(() => asked !== undefined)
    await admin.publish('se:n:1', 'se2\ne1\t\t[]')
    await receiver.arrived('1')
    const leaving = transport.unsubscribe(key)
    await eventually(async () => (await counts()).channels === 0 && (await counts()).patterns === 1)
    await admin.publish('se:n:1', 'se2\ne1\t\t[]')
    await Promise.all([listening, leaving])
    expect(reads).toBe(1)
    await admin.publish('se:n:sentinel', 'se2\nesentinel\t\t[]')
    await receiver.arrived('sentinel')
    expect(receiver.ids).toEqual(['1', '1', 'sentinel'])
  })

  test('the two copies in two reads, the wait given up in between', async () => {
    const { transport, receiver } = make({}, proxy.url)
    const key = { name: 'n', id: '1' }
    await transport.subscribe({ name: 'n' })
    await transport.subscribe(key)
    let held: Buffer | undefined
    let splits = 0
    proxy.filter = (direction, chunk) => {
      if (direction === 'up') return chunk
      if (held) {
        // Behind it, the answer to UNSUBSCRIBE.
        const all = Buffer.concat([held, chunk])
        held = undefined
        return all
      }
      const second = chunk.toString('latin1').search(/[*>]4\r\n\$8\r\npmessage/)
      if (second <= 0 || splits++ > 0) return chunk
      held = chunk.subarray(second)
      return chunk.subarray(0, second)
    }
    receiver.deliver = function (...told) {
      void transport.unsubscribe(key)
      RecordingReceiver.prototype.deliver.apply(this, told)
    }
    await admin.publish('se:n:1', 'se2\ne1\t\t[]')
    await receiver.arrived('1')
    await admin.publish('se:n:sentinel', 'se2\nesentinel\t\t[]')
    await receiver.arrived('sentinel')
    expect(receiver.ids).toEqual(['1', 'sentinel'])
    expect(splits).toBe(1)
  })
})
