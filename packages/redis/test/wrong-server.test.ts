import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import Redis from 'ioredis'
import { ConnectionError, ForbiddenError, NotKeptError, UnsupportedError } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import { eventually, startCluster, startProxy, startRedis, startSentinels } from '@server-events/testing'
import type { FaultProxy, RedisServer } from '@server-events/testing'
import { attached, event, outcome } from './support'

/** What answers, and is not what it should be. */

const clients: Redis[] = []
const admin = (url: string): Redis => {
  const client = new Redis(url, { retryStrategy: () => 100 })
  client.on('error', () => undefined)
  clients.push(client)
  return client
}
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})
const key = (id: string): { name: string; id: string } => ({ name: 'n', id })

test('a port where something else answers: it says so', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const { transport, receiver } = attached(new RedisTransport({ host: '127.0.0.1', port }))
  const connecting = outcome(transport.connect())
  await eventually(() => receiver.errors('inputStore').length > 0)
  expect(String(receiver.errors('inputStore')[0])).toContain(
    'what answers there is no Redis server: check host and port',
  )
  await transport.close()
  await connecting
  server.close()
})

describe('a replica', () => {
  let master: RedisServer
  let other: RedisServer
  beforeEach(async () => {
    ;[master, other] = await Promise.all([startRedis(), startRedis()])
  })
  afterEach(async () => {
    await Promise.all([master.stop(), other.stop()])
  })
  const demote = async (server: RedisServer, to: RedisServer): Promise<void> => {
    await admin(server.url).replicaof(to.host, to.port)
  }
  const promote = async (server: RedisServer): Promise<void> => {
    await admin(server.url).replicaof('NO', 'ONE')
  }

  test('from the start: neither side is connected, what is emitted is held, and each says why', async () => {
    await demote(other, master)
    const { transport, receiver } = attached(new RedisTransport(other.url, { publishTimeout: 700 }))
    const connecting = outcome(transport.connect())
    const subscribing = transport.subscribe({ name: 'n' })
    const late = await outcome(transport.publish(key('late'), event('[]')))
    expect(late).toBeInstanceOf(ConnectionError)
    expect(String(late)).toMatch(/it is a replica/)
    await eventually(() => receiver.errors('inputStore').length > 0 && receiver.errors('outputStore').length > 0)
    for (const store of ['inputStore', 'outputStore'] as const) {
      expect(String(receiver.errors(store)[0])).toMatch(/it is a replica.*connect to its master/)
      expect(receiver.states(store)).toEqual([])
    }
    await promote(other)
    expect(await connecting).toBe('resolved')
    await subscribing
    await transport.publish(key('1'), event('[]'))
    await receiver.arrived('1')
    expect(receiver.ids).toEqual(['1'])
  })

  test.each([
    ['plain', (transport: RedisTransport, id: string) => transport.publish(key(id), event('[]'))],
    ['kept', (transport: RedisTransport, id: string) => transport.keeper.publish(key(id), event('[]'), 60_000)],
  ])('%s: a master that becomes one while connections live on is left, by both sides', async (_, emit) => {
    const { transport, receiver } = attached(new RedisTransport(master.url, { heartbeat: 200, publishTimeout: 20_000 }))
    await transport.connect()
    await transport.subscribe({ name: 'n' })
    await receiver.up('outputStore')
    await demote(master, other)
    await eventually(() => !receiver.isUp('inputStore') && !receiver.isUp('outputStore'), { timeout: 15_000 })
    const causes = receiver.calls.flatMap((call) => (call.type === 'state' && call.cause ? [String(call.cause)] : []))
    expect(causes.every((cause) => cause.includes('replica'))).toBe(true)
    const held = outcome(emit(transport, 'held'))
    await promote(master)
    expect(await held).toBe('resolved')
    await receiver.up('outputStore', 2)
    await emit(transport, '1')
    await receiver.arrived('1')
  })

  test('one that only subscribes', async () => {
    const { transport, receiver } = attached(new RedisTransport(master.url, { heartbeat: 200 }))
    await transport.subscribe({ name: 'n' })
    await receiver.up('outputStore')
    await demote(master, other)
    await eventually(() => !receiver.isUp('outputStore'), { timeout: 15_000 })
    await promote(master)
    await receiver.up('outputStore', 2)
  })

  test('READONLY, before anyone has asked: a kept emit goes to the next connection, a removal too', async () => {
    const { transport, receiver } = attached(new RedisTransport(master.url, { heartbeat: 0, publishTimeout: 20_000 }))
    await transport.connect()
    await demote(master, other)
    const emitted = [
      outcome(transport.keeper.publish(key('1'), event('[1]'), 60_000)),
      outcome(transport.keeper.forget(key('2'))),
    ]
    await eventually(() => !receiver.isUp('inputStore'))
    await promote(master)
    expect(await Promise.all(emitted)).toEqual(['resolved', 'resolved'])
    expect(await transport.keeper.recall([key('1')])).toMatchObject([{ body: '[1]' }])
  })

  test('an address that leads elsewhere by now: whoever is still connected to the former server leaves it', async () => {
    const proxy = await startProxy(master)
    const moved: { proxy?: FaultProxy } = {}
    try {
      const { transport, receiver } = attached(new RedisTransport(proxy.url, { heartbeat: 200 }))
      await transport.connect()
      await transport.subscribe({ name: 'n' })
      await receiver.up('outputStore')
      proxy.refuse()
      moved.proxy = await startProxy(other, proxy.port)
      await receiver.up('outputStore', 2)
      await receiver.up('inputStore', 2)
      const there = attached(new RedisTransport(other.url))
      await there.transport.publish(key('1'), event('[]'))
      await receiver.arrived('1')
    } finally {
      await moved.proxy?.close()
      await proxy.close()
    }
  })

  test('whoever may not ask is told once, and goes on', async () => {
    await admin(master.url).acl('SETUSER', 'blind', 'on', '>secret', '&*', '~*', '+@all', '-role', '-info')
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined)
    const { host, port } = master
    const { transport, receiver } = attached(
      new RedisTransport({ host, port, username: 'blind', password: 'secret', heartbeat: 100 }),
    )
    await transport.subscribe({ name: 'n' })
    for (let id = 0; id < 5; id++) {
      await transport.publish(key(String(id)), event('[]'))
      await receiver.arrived(String(id))
      await admin(master.url).client('KILL', 'TYPE', 'normal')
      await receiver.up('inputStore', id + 2)
    }
    const blind = receiver.errors().filter((error) => error instanceof ForbiddenError)
    expect(blind).toHaveLength(1)
    expect(String(blind[0])).toMatch(/\+role/)
    warn.mockRestore()
  })
})

describe('a database that cannot be selected', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
    await admin(redis.url).acl('SETUSER', 'narrow', 'on', '>secret', '&*', '~*', '+@all', '-select')
  })
  afterAll(async () => {
    await redis.stop()
  })

  const ways: [string, () => RedisTransport, RegExp][] = [
    ['of a URL', () => new RedisTransport(`${redis.url}/99`), /database cannot be selected .*option db/],
    ['of options', () => new RedisTransport({ port: redis.port, db: 99 }), /database cannot be selected .*option db/],
    [
      'of a client',
      () => new RedisTransport(new Redis(redis.port, { db: 99, lazyConnect: true })),
      /cannot be selected/,
    ],
    ['of a function', () => new RedisTransport(() => new Redis(redis.port, { db: 99 })), /cannot be selected/],
    ['of a query', () => new RedisTransport(`${redis.url}?db=99`), /cannot be selected/],
    [
      'without a ready check',
      () => new RedisTransport({ port: redis.port, db: 99, enableReadyCheck: false }),
      /cannot be selected/,
    ],
    [
      'without permission',
      () => new RedisTransport({ port: redis.port, db: 1, username: 'narrow', password: 'secret' }),
      /grant \+select/,
    ],
  ]
  test.each(ways)('%s: the attempt fails and says what to do, on both sides', async (_, make, what) => {
    const { transport, receiver } = attached(make())
    const settled = [outcome(transport.connect()), outcome(transport.subscribe({ name: 'n' }))]
    await eventually(() => receiver.errors('inputStore').length > 0 && receiver.errors('outputStore').length > 0)
    for (const error of receiver.errors()) {
      expect(error).toBeInstanceOf(ConnectionError)
      expect(String(error)).toMatch(what)
    }
    expect(receiver.calls.filter(({ type }) => type === 'state')).toEqual([])
    await transport.close()
    await Promise.all(settled)
  })
})

test('a node of a Cluster, given as a server: kept emits, peeks and removals say so, and onerror once', async () => {
  const cluster = await startCluster()
  try {
    const [node] = cluster.nodes
    const { transport, receiver } = attached(new RedisTransport({ host: node!.host, port: node!.port }))
    await transport.connect()
    const ids = Array.from({ length: 30 }, (_, i) => String(i))
    const kept = await Promise.all(ids.map((id) => outcome(transport.keeper.publish(key(id), event('[]'), 60_000))))
    const refused = kept.filter((one) => one !== 'resolved')
    expect(refused.length).toBeGreaterThan(0)
    for (const error of refused) {
      expect(error).toBeInstanceOf(NotKeptError)
      expect(String(error)).toMatch(/node of a Cluster.*option cluster/)
    }
    const read = await transport.keeper.recall(ids.map(key))
    for (const one of read) if (one instanceof Error) expect(String(one)).toMatch(/node of a Cluster.*option cluster/)
    const removed = await Promise.all(ids.map((id) => outcome(transport.keeper.forget(key(id)))))
    for (const one of removed.filter((error) => error !== 'resolved')) expect(one).toBeInstanceOf(UnsupportedError)
    const told = receiver.errors('inputStore')
    expect(told).toHaveLength(1)
    expect(told[0]).toBeInstanceOf(UnsupportedError)
  } finally {
    await cluster.stop()
  }
})

describe('what proxies make of refusals', () => {
  let redis: RedisServer
  let proxy: FaultProxy
  beforeEach(async () => {
    redis = await startRedis()
    proxy = await startProxy(redis)
  })
  afterEach(async () => {
    await proxy.close()
    await redis.stop()
  })
  /** Answers the next SET so, instead of the server. */
  const answering = (text: string): void => {
    let over = false
    proxy.filter = (direction, chunk) => {
      if (direction !== 'down' || over || !chunk.toString().startsWith('+OK\r\n')) return chunk
      over = true
      return Buffer.from(chunk.toString().replace('+OK', text))
    }
  }

  test('-ERR READONLY: the connection is left, and the emit goes to the next one', async () => {
    const { transport, receiver } = attached(new RedisTransport(proxy.url))
    await transport.connect()
    answering("-ERR READONLY You can't write against a read only replica.")
    await transport.keeper.publish(key('1'), event('[]'), 60_000)
    expect(receiver.states('inputStore')).toEqual([true, false, true])
  })

  test('-ERR MOVED: a node of a Cluster', async () => {
    const { transport } = attached(new RedisTransport(proxy.url))
    await transport.connect()
    answering('-ERR MOVED 3999 127.0.0.1:6381')
    const error = await outcome(transport.keeper.publish(key('1'), event('[]'), 60_000))
    expect(String(error)).toMatch(/option cluster/)
  })

  test('-ERR BUSY: tried again', async () => {
    const { transport } = attached(new RedisTransport(proxy.url))
    await transport.connect()
    answering('-ERR BUSY Redis is busy running a script.')
    await transport.keeper.publish(key('1'), event('[]'), 60_000)
    expect(await transport.keeper.recall([key('1')])).toMatchObject([{ body: '[]' }])
  })
})

test('a Sentinel, given as a server: neither side is connected, and each says what to set', async () => {
  const sentinels = await startSentinels()
  try {
    const { transport, receiver } = attached(new RedisTransport({ port: sentinels.sentinels[0]!.port }))
    const settled = [outcome(transport.connect()), outcome(transport.subscribe({ name: 'n' }))]
    await eventually(() => receiver.errors('inputStore').length > 0 && receiver.errors('outputStore').length > 0)
    for (const error of receiver.errors()) expect(String(error)).toMatch(/it is a Sentinel.*sentinels.*name/)
    expect(receiver.calls.filter(({ type }) => type === 'state')).toEqual([])
    await transport.close()
    await Promise.all(settled)
  } finally {
    await sentinels.stop()
  }
})
