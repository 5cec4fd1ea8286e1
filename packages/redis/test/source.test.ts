import { join } from 'node:path'
import { Cluster, Redis } from 'ioredis'
import type { RedisOptions } from 'ioredis'
import { InvalidArgumentError, RemoteError, UnsupportedError } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import { eventually, startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'
import { RecordingReceiver, event } from './support'

type Source = ConstructorParameters<typeof RedisTransport>
const make = (...args: unknown[]): RedisTransport => new RedisTransport(...(args as unknown as Source))

let warnings: string[] = []
let spy: jest.SpyInstance
beforeEach(() => {
  warnings = []
  spy = jest.spyOn(process, 'emitWarning').mockImplementation((warning) => void warnings.push(String(warning)))
})
afterEach(() => spy.mockRestore())

describe('refused at construction', () => {
  test.each([
    [undefined], [null], [1], [true], [Symbol('x')], [[]], [''], ['localhost'], ['http://localhost'], ['redis:'], ['redis://'], ['REDISS://host'], ['//host'],
  ])('the source %p', (source) => {
    expect(() => make(source)).toThrow(InvalidArgumentError)
  }) // prettier-ignore

  test.each([
    ['prefix', 1], ['prefix', '\ud800'], ['channels', 'shard'], ['channels', true], ['batch', 'yes'], ['heartbeat', -1],
    ['heartbeat', 1.5], ['heartbeat', Infinity], ['publishTimeout', 0], ['publishTimeout', '5'], ['publishTimeout', 2 ** 31],
    ['subscribeTimeout', NaN], ['connectTimeout', 0], ['maxQueued', -1], ['maxQueued', null], ['wire', 2], ['wire', '1'],
  ])('%s: %p', (option, value) => {
    for (const construct of [
      () => make({ [option]: value }),
      () => make('redis://127.0.0.1', { [option]: value }),
      () => make(() => new Redis(), { [option]: value }),
    ]) {
      expect(construct).toThrow(InvalidArgumentError)
      expect(construct).toThrow(option)
    }
  }) // prettier-ignore

  test('options of ioredis beside a client or a function, where they would do nothing', () => {
    const client = new Redis({ lazyConnect: true })
    expect(() => make(client, { host: 'elsewhere' })).toThrow(/unknown option "host"/)
    expect(() => make(() => client, { db: 1 })).toThrow(/unknown option "db"/)
    expect(() => make({ host: 'a' }, { prefix: 'x' })).toThrow(InvalidArgumentError)
    expect(() => make('redis://127.0.0.1', null)).toThrow(InvalidArgumentError)
    client.disconnect()
  })

  test.each([
    [[]], ['127.0.0.1:7000'], [7000], [{}], [[null]], [[{ host: '' }]], [[{ port: 0 }]], [[{ port: 65_536 }]], [['http://host']], [['host:1']],
  ])('the nodes of a Cluster: %j', (cluster) => {
    expect(() => make({ cluster })).toThrow(InvalidArgumentError)
  }) // prettier-ignore

  test('what does not belong beside the nodes of a Cluster', () => {
    for (const wrong of [{ redisOptions: { password: 'x' } }, { sentinels: [{ host: 'h' }], name: 'm' }])
      expect(() => make({ cluster: [{ host: 'h' }], ...wrong })).toThrow(InvalidArgumentError)
  })

  test('a Cluster that is found by SRV records', () => {
    const cluster = new Cluster([{ host: 'h' }], { lazyConnect: true, useSRVRecords: true })
    expect(() => make(cluster)).toThrow(UnsupportedError)
    cluster.disconnect()
  })

  test.each([
    ['redis://user:sec%zzret@host'], ['redis://:secret%@host/1'], ['rediss://us%er:secret@host'],
  ])('a percent sign that encodes nothing: %s', (url) => {
    for (const construct of [() => make(url), () => make(url, { prefix: 'x:' }), () => make({ cluster: [url] })]) {
      expect(construct).toThrow(InvalidArgumentError)
      expect(construct).toThrow(/write each % of them as %25/)
      expect(construct).not.toThrow(/secret/)
    }
  }) // prettier-ignore

  test.each([
    [() => make('redis://host/shop')], [() => make('redis://host/1x')], [() => make('redis://host/%zz')], [() => make('redis://host', { db: -1 })],
    [() => make({ db: 'two' })], [() => make({ db: 1.5 })], [() => make({ db: NaN })],
    [() => make('redis://host?db=abc')], [() => make('redis://host?db=1.5')], [() => make('redis://host?db=')],
    [() => make(new Redis('redis://host/abc', { lazyConnect: true }))],
    [() => make({ cluster: [{ host: 'h' }], db: 3 })], [() => make({ cluster: ['redis://h/3'] })], [() => make({ cluster: ['redis://h/a'] })],
    [() => make(new Cluster([{ host: 'h' }], { lazyConnect: true, redisOptions: { db: 1 } }))],
  ])('a database that is none: %s', (construct) => {
    expect(construct).toThrow(InvalidArgumentError)
  }) // prettier-ignore

  test('options in the URL of a node of a Cluster, where they would do nothing', () => {
    expect(() => make({ cluster: ['redis://h?prefix=shop:'] })).toThrow(/beside option cluster/)
    expect(() => make({ cluster: ['redis://h/0', { host: 'h', db: 0 }], db: 0 })).not.toThrow()
  })

  test('our options in the query of a URL, by the same rules', () => {
    for (const query of ['heartbeat=soon', 'heartbeat=-1', 'channels=shard', 'batch=1', 'wire=3', 'wire=1.x&prefix='])
      expect(() => make(`redis://host?${query}`)).toThrow(InvalidArgumentError)
  })

  test('and no message shows the password of a URL', () => {
    for (const url of ['http://:secret@host', 'secret', 'redis://:secret@host:port']) {
      const message = (() => {
        try {
          make(url)
        } catch (error) {
          return (error as Error).message
        }
        throw new Error(`${url} was not refused`)
      })()
      expect(message).not.toContain('secret')
    }
  })

  test('use without a receiver', () => {
    expect(() => make({}).publish({ name: 'a', id: '1' }, event('[]'))).toThrow(InvalidArgumentError)
  })
})

describe('options of ioredis that are overridden', () => {
  test('are named in one warning', () => {
    make({ keyPrefix: 'x:', enableAutoPipelining: true, db: 1, retryStrategy: () => 1, maxRetriesPerRequest: null })
    expect(warnings).toHaveLength(1)
    for (const name of ['keyPrefix', 'enableAutoPipelining', 'retryStrategy']) expect(warnings[0]).toContain(name)
    for (const name of ['db', 'maxRetriesPerRequest']) expect(warnings[0]).not.toContain(name)
  })

  test('also when the URL sets them', () => {
    make('redis://127.0.0.1?commandTimeout=5&db=1', { lazyConnect: true })
    expect(warnings).toEqual([expect.stringMatching(/commandTimeout/)])
    expect(warnings[0]).toContain('lazyConnect')
  })

  test('of a client only what it does not have by default', () => {
    const plain = new Redis({ lazyConnect: false, host: '127.0.0.1', port: 1 })
    plain.on('error', () => {})
    make(plain)
    expect(warnings).toEqual([])
    const special = new Redis({ lazyConnect: true, commandTimeout: 5, autoResubscribe: false })
    make(special)
    expect(warnings).toEqual([expect.stringMatching(/overrides (?!.*(autoResubscribe|retryStrategy))/)])
    expect(warnings[0]).toContain('commandTimeout')
    plain.disconnect()
    special.disconnect()
  })

  test('of a Cluster those of its nodes; of Sentinels also the role', () => {
    const cluster = new Cluster([{ host: 'h' }], { lazyConnect: true, redisOptions: { keyPrefix: 'x:' } })
    make(cluster)
    make({ cluster: [{ host: 'h' }], commandTimeout: 5 })
    make({ sentinels: [{ host: 'h' }], name: 'm', role: 'slave' })
    expect(warnings.map((warning) => /overrides ([\w, ]+):/.exec(warning)?.[1])).toEqual([
      'keyPrefix',
      'commandTimeout',
      'role',
    ])
    cluster.disconnect()
  })

  test('none, none', () => {
    make({ host: '127.0.0.1', db: 1, lazyConnect: false })
    make('redis://127.0.0.1', { db: 1 })
    expect(warnings).toEqual([])
  })
})

describe('on a real server', () => {
  let redis: RedisServer
  let admin: Redis
  beforeAll(async () => {
    redis = await startRedis()
    admin = new Redis(redis.url)
  })
  afterAll(async () => {
    admin.disconnect()
    await redis.stop()
  })

  async function roundTrip(transport: RedisTransport): Promise<void> {
    const receiver = new RecordingReceiver()
    transport.attach(receiver)
    await transport.subscribe({ name: 'a' })
    await transport.publish({ name: 'a', id: '1' }, event('[]'))
    await receiver.arrived('1')
    expect(receiver.errors()).toEqual([])
    await transport.close()
  }
  const named = async (name: string): Promise<number> =>
    (String(await admin.client('LIST')).match(new RegExp(`name=${name} `, 'g')) ?? []).length

  test('options, a URL, a URL with options, a client, functions', async () => {
    const { host, port, url } = redis
    const client = new Redis(url)
    await roundTrip(make({ host, port, prefix: 'x:' }))
    await roundTrip(make(url))
    await roundTrip(make(`${url}?keyPrefix=no:&autoResubscribe=true`, { prefix: 'y:', db: 3 }))
    await roundTrip(make(client, { prefix: 'z:' }))
    await roundTrip(make(() => new Redis(url)))
    await roundTrip(make(() => Promise.resolve(new Redis(url, { lazyConnect: true }))))
    await roundTrip(make(async () => {
      const ready = new Redis(url)
      await ready.ping()
      return ready
    }))
    // Neither used nor closed.
    expect(client.status).toBe('ready')
    expect(client.mode).toBe('normal')
    client.disconnect()
  }) // prettier-ignore

  test('our options in the query of a URL hold, over those beside it', async () => {
    const transport = make(`${redis.url}/0?prefix=shop%3A&channels=name&heartbeat=0&batch=false`, { prefix: 'x:' })
    transport.attach(new RecordingReceiver())
    await transport.subscribe({ name: 'a' })
    expect(await admin.pubsub('CHANNELS', '*a:')).toEqual(['shop:a:'])
    await transport.close()
    expect(warnings).toEqual([])
  })

  test('a Unix socket', async () => {
    await roundTrip(make({ path: join(redis.directory, 'socket'), prefix: 'unix:' }))
  })

  test('options reach ioredis, and what must be ours wins over a URL', async () => {
    const transport = make(`${redis.url}?connectionName=mine&autoResubscribe=true&enableOfflineQueue=true`, { db: 2 })
    transport.attach(new RecordingReceiver())
    await transport.connect()
    await eventually(async () => (await named('mine')) === 1)
    expect(String(await admin.client('LIST'))).toMatch(/name=mine .*db=2 /)
    await transport.close()
  })

  test('a function is called for each role, and again after each loss; its clients are made ours', async () => {
    const made: [string, Redis][] = []
    const transport = new RedisTransport((role) => {
      const client = new Redis(redis.url, { connectionName: role, keyPrefix: 'no:', commandTimeout: 9_999 })
      made.push([role, client])
      return client
    })
    const receiver = new RecordingReceiver()
    transport.attach(receiver)
    expect(made).toEqual([])
    await transport.connect()
    await transport.subscribe({ name: 'a' })
    expect(made.map(([role]) => role)).toEqual(['publish', 'subscribe'])
    await admin.client('KILL', 'TYPE', 'pubsub')
    await receiver.up('outputStore', 2)
    expect(made.map(([role]) => role)).toEqual(['publish', 'subscribe', 'subscribe'])
    expect(made[1]![1].status).toBe('end')
    expect(warnings).toEqual([expect.stringMatching(/keyPrefix, commandTimeout/)])
    await transport.close()
    expect(made.map(([, client]) => client.status)).toEqual(['end', 'end', 'end'])
  })

  test('a function that gives a client again: told as such at each attempt, and the client lives on', async () => {
    const shared = new Redis(redis.url)
    const transport = make(() => shared)
    const other = make(() => shared)
    const receiver = new RecordingReceiver()
    for (const each of [transport, other]) each.attach(receiver)
    await transport.connect()
    const refused = Promise.all(
      [transport.subscribe({ name: 'a' }), other.connect()].map((promise) =>
        expect(promise).rejects.toMatchObject({ code: 'ERR_CLOSED' }),
      ),
    )
    for (const store of ['inputStore', 'outputStore'] as const)
      await eventually(() => receiver.errors(store).length >= 2)
    for (const error of receiver.errors()) {
      expect(error).toMatchObject({ code: 'ERR_CONNECTION' })
      expect(error.message).toContain('the function must make a new client each time')
    }
    expect(shared.status).toBe('ready')
    await transport.publish({ name: 'a', id: '1' }, event('[]'))
    await other.close()
    expect(await shared.ping()).toBe('PONG')
    await transport.close()
    await refused
  })

  test.each([
    ['throws', () => { throw new Error('secret') }],
    ['rejects', () => Promise.reject(new Error('secret'))],
    ['rejects with an error of ours', () => Promise.reject(new RemoteError({ event: 'a', id: '1', remoteName: 'Error', message: 'secret' }))],
    ['gives nothing', () => undefined],
    ['gives a closed client', () => { const client = new Redis({ lazyConnect: true }); client.disconnect(); return client }],
  ])('a function that %s: reported at each attempt, without its message', async (_, factory) => {
    const transport = make(factory)
    const receiver = new RecordingReceiver()
    transport.attach(receiver)
    const connecting = expect(transport.connect()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await eventually(() => receiver.errors('inputStore').length >= 2)
    for (const error of receiver.errors()) {
      expect(error).toMatchObject({ code: 'ERR_CONNECTION' })
      expect(error.message).not.toContain('secret')
    }
    await transport.close()
    await connecting
  }) // prettier-ignore
})

test('the types take what the documentation says', () => {
  const options: RedisOptions = { host: 'h' }
  const wrong = (): void => {
    new RedisTransport({ ...options, prefix: 'x:' })
    new RedisTransport({ cluster: [{ host: 'h', port: 7000 }, 'redis://h:7001', 7002], password: 'p', prefix: 'x:' })
    new RedisTransport(new Cluster([]), { prefix: 'x:' })
    new RedisTransport(() => new Cluster([]))
    // @ts-expect-error -- options of the connections stand beside the nodes
    new RedisTransport({ cluster: [{ host: 'h' }], redisOptions: {} })
    // @ts-expect-error -- there is no such channel mode
    new RedisTransport({ channels: 'shard' })
    // @ts-expect-error -- ioredis' options have no place beside a function
    new RedisTransport(() => new Redis(), { db: 1 })
    // @ts-expect-error -- not a client
    new RedisTransport(() => 1)
  }
  expect(wrong).toBeInstanceOf(Function)
})
