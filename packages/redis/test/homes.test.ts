// What homes are on a Redis: which channels, how many commands, who hears, what is told.
import { subscribe as hearChannel, unsubscribe as stopHearing } from 'node:diagnostics_channel'
import Redis from 'ioredis'
import { ForbiddenError, homeOf, ServerEvents } from 'server-events'
import type { ReportedError, ServerEventsOptions } from 'server-events'
import { redisNamesOf, RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { eventually, startRedis, startSentinels } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'
import { outcome } from './support'

type Channels = NonNullable<RedisTransportOptions['channels']>

let redis: RedisServer
let admin: Redis
let prefix: string
let prefixes = 0
const open: ServerEvents[] = []

beforeAll(async () => {
  redis = await startRedis()
  admin = new Redis(redis.url)
})
beforeEach(() => {
  prefix = `h${++prefixes}:`
})
afterEach(() => Promise.all(open.splice(0).map((events) => events.close())))
afterAll(async () => {
  admin.disconnect()
  await redis.stop()
})

type Options = ServerEventsOptions<Record<string, unknown[]>>
type Transport = RedisTransportOptions & { readonly username?: string; readonly password?: string }

function make(transport: Transport = {}, options: Options = {}): ServerEvents & { told: ReportedError[] } {
  const events = new ServerEvents(new RedisTransport(redis.url, { channels: 'id', prefix, ...transport }), {
    timeout: 60_000,
    ...options,
  })
  open.push(events)
  const told: ReportedError[] = []
  events.onerror((_, error) => told.push(error))
  return Object.assign(events as unknown as ServerEvents, { told })
}

const labelOf = (events: ServerEvents): string => homeOf(events.createId())!
const subscribed = async (): Promise<string[]> =>
  ((await admin.call('PUBSUB', 'CHANNELS', `${prefix}*`)) as string[]).sort()
/** How often the server has executed a command. */
const calls = async (command: string): Promise<number> =>
  Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await admin.info('commandstats'))?.[1] ?? 0)

test('1,000 waits on own ids cost no SUBSCRIBE and no UNSUBSCRIBE', async () => {
  const [api, worker] = [make({}, { listen: ['report'] }), make()]
  await Promise.all([api.init(), worker.init()])
  expect(await subscribed()).toEqual([`${prefix}report:{${labelOf(api)}}`])
  const before = [await calls('subscribe'), await calls('unsubscribe'), await calls('psubscribe')]
  for (let round = 0; round < 10; round++) {
    const ids = Array.from({ length: 100 }, () => api.createId())
    const waits = ids.map((id) => api.on('report', id))
    // At once: there is no subscription to wait for.
    for (const id of ids) void worker.emit('report', id, id)
    expect(await Promise.all(waits)).toEqual(ids.map((id) => [id]))
  }
  expect([await calls('subscribe'), await calls('unsubscribe'), await calls('psubscribe')]).toEqual(before)
})

test('only the server that waits hears the event, and who waits for an id of its home', async () => {
  const [a, b, worker] = [make({}, { listen: ['r'] }), make({}, { listen: ['r'] }), make()]
  await Promise.all([a.init(), b.init(), worker.init()])
  const id = a.createId()
  const { idChannel } = redisNamesOf({ name: 'r', id }, prefix)
  expect(idChannel).toBe(`${prefix}r:{${labelOf(a)}}`)
  expect(await admin.publish(idChannel, 'se2')).toBe(1)
  const stream = b.stream('r', id)
  await stream.ready
  expect(await admin.publish(idChannel, 'se2')).toBe(2)
  const wait = a.on('r', id)
  await worker.emit('r', id, 'x')
  expect(await wait).toEqual(['x'])
  expect((await stream.next()).value).toEqual(['x'])
  await stream.return()
  // Somebody else's home is given up at once.
  await eventually(async () => (await admin.publish(idChannel, 'se2')) === 1)
})

test.each(['pattern', 'name', 'id'] as const)(
  "'%s' emits on the channel of the home: a frame for each home of a tick",
  async (channels) => {
    const [a, b, worker] = [make(), make(), make({ channels })]
    const sniffer = new Redis(redis.url)
    const seen: string[][] = []
    sniffer.on('pmessage', (_, channel: string, payload: string) => seen.push([channel, payload]))
    await sniffer.psubscribe(`${prefix}*`)
    await worker.init()
    const [idOfA, idOfB] = [a.createId(), b.createId()]
    await Promise.all([
      worker.emit('r', idOfA, 1),
      worker.emit('r', idOfB, 2),
      worker.fail('r', `order:7:${idOfA}`, new Error('no')),
      worker.emit('r', 'other', 3),
    ])
    await eventually(() => seen.length === 3)
    const home = (id: string): string => `${prefix}r:{${homeOf(id)!}}`
    const failure = '{"name":"Error","message":"no"}'
    expect(seen).toEqual([
      [home(idOfA), `se2\ne${idOfA}\t\t[1]\nforder%3A7%3A${idOfA}\t\t${failure}`],
      [home(idOfB), `se2\ne${idOfB}\t\t[2]`],
      [channels === 'id' ? `${prefix}r:other` : `${prefix}r:`, 'se2\neother\t\t[3]'],
    ])
    sniffer.disconnect()
  },
)

test.each(['1.x', 'both'] as const)("wire '%s' emits as if there were no homes, and hears them", async (wire) => {
  const [api, old] = [make(), make({ channels: 'pattern', wire })]
  const sniffer = new Redis(redis.url)
  const seen: string[] = []
  sniffer.on('pmessage', (_, channel: string) => seen.push(channel))
  // An event before its subscription stands would be missed.
  await old.listen('r')
  const id = api.createId()
  const wait = old.on('r', id)
  await api.emit('r', id, 'from a home')
  expect(await wait).toEqual(['from a home'])
  await sniffer.psubscribe('*')
  await old.emit('r', id)
  await eventually(() => seen.length > 0)
  expect(seen).toEqual([wire === '1.x' ? `r:${id}` : `${prefix}r:`])
  expect(old.told).toEqual([])
  sniffer.disconnect()
})

test.each(['pattern', 'name', 'id'] as const)(
  "events, failures and what is kept come to their home from '%s'",
  async (channels) => {
    const keep = { kept: 60_000 }
    const [api, worker] = [make({}, { keep }), make({ channels }, { keep })]
    const [first, second, third] = [api.createId(), api.createId(), api.createId()]
    const stream = api.stream('kept', first)
    await stream.ready
    await worker.emit('kept', first, 'heard')
    expect((await stream.next()).value).toEqual(['heard'])
    await stream.return()
    await worker.emit('kept', second, 'late')
    expect(await api.on('kept', second)).toEqual(['late'])
    const wait = outcome(api.on('kept', third))
    await worker.fail('kept', third, new Error('no'))
    expect(await wait).toMatchObject({ code: 'ERR_REMOTE', message: expect.stringContaining('no') })
    await worker.forget('kept', second)
    expect(await api.peek('kept', second)).toBeUndefined()
    expect([api.told, worker.told]).toEqual([[], []])
  },
)

test.each(['pattern', 'name', 'id'] as const)(
  "the first outcome of an id holds, and its home hears that one, from '%s'",
  async (channels) => {
    const keep = { report: { ms: 60_000, once: true } } as const
    const [api, first, second] = [make({}, { keep }), make({ channels }, { keep }), make({ channels }, { keep })]
    const id = api.createId()
    const stream = api.stream('report', id)
    await stream.ready
    await first.emit('report', id, 'first')
    expect(await outcome(second.emit('report', id, 'second'))).toMatchObject({ code: 'ERR_ALREADY_SETTLED' })
    expect((await stream.next()).value).toEqual(['first'])
    await stream.return()
    expect(await api.on('report', id)).toEqual(['first'])
  },
)

test('a listener of the whole name hears homes and other ids, each event once, also beside its own home', async () => {
  const [api, stranger, worker] = [make({}, { listen: ['r'] }), make(), make({ channels: 'pattern' })]
  await api.init()
  const heard: string[] = []
  await api.listen('r', (id) => heard.push(id))
  const ids = [api.createId(), stranger.createId(), 'homeless', api.createId()]
  const waits = ids.map((id) => api.on('r', id))
  for (const id of ids) void worker.emit('r', id, id)
  expect(await Promise.all(waits)).toEqual(ids.map((id) => [id]))
  const last = api.createId()
  await worker.emit('r', last)
  await eventually(() => heard.includes(last))
  expect([...heard].sort()).toEqual([...ids, last].sort())
})

describe("'name'", () => {
  test('waits on the ids of a home subscribe its channel, and a listener a pattern of the homes of its name', async () => {
    const [api, byName, worker] = [make(), make({ channels: 'name' }), make({ channels: 'pattern' })]
    const id = api.createId()
    const stream = byName.stream('r', id)
    await stream.ready
    expect(await subscribed()).toEqual([`${prefix}r:{${homeOf(id)!}}`])
    const heard: string[] = []
    await byName.listen('r', (each) => heard.push(each))
    expect(await admin.call('PUBSUB', 'NUMPAT')).toBe(1)
    const others = [api.createId(), 'homeless', make().createId()]
    for (const each of [id, ...others]) await worker.emit('r', each, each)
    expect((await stream.next()).value).toEqual([id])
    await worker.emit('r', id, 'last')
    expect((await stream.next()).value).toEqual(['last'])
    await eventually(() => heard.length >= 5)
    expect([...heard].sort()).toEqual([id, id, ...others].sort())
    await stream.return()
    expect(byName.told).toEqual([])
  })

  test('where the pattern is forbidden, listeners are told once and hear the rest', async () => {
    const users = ['-@all', '+subscribe', '+unsubscribe', '+ping', '+info', '+role']
    await admin.call('ACL', 'SETUSER', 'by-name', 'reset', 'on', '>secret-of-api', `&${prefix}*`, ...users)
    const byName = make({ channels: 'name', username: 'by-name', password: 'secret-of-api' }, { backstop: 20 })
    const worker = make()
    const heard: string[] = []
    await byName.listen('r', (id) => heard.push(id))
    await byName.listen('r')
    const byPattern = make({ channels: 'pattern' })
    await byPattern.emit('r', 'homeless')
    await worker.emit('r', worker.createId())
    await byPattern.emit('r', 'last')
    await eventually(() => heard.length === 2)
    expect(heard).toEqual(['homeless', 'last'])
    expect(byName.told).toEqual([expect.objectContaining({ code: 'ERR_FORBIDDEN', channel: `${prefix}r:{*` })])
  })
})

test('a home stands again after an interruption', async () => {
  const [api, worker] = [make({}, { listen: ['r'] }), make()]
  await Promise.all([api.init(), worker.init()])
  const id = api.createId()
  const wait = api.on('r', id)
  const back = new Promise<void>((resolve) => {
    api.onerror((store) => {
      if (store === 'outputStore') api.onready((up) => up === 'outputStore' && resolve())
    })
  })
  await admin.client('KILL', 'TYPE', 'pubsub')
  await back
  await worker.emit('r', id, 'after')
  expect(await wait).toEqual(['after'])
})

describe('access', () => {
  const users = ['-@all', '+subscribe', '+unsubscribe', '+psubscribe', '+punsubscribe', '+ping', '+info']
  const asUser = (...channels: string[]): Promise<unknown> =>
    admin.call('ACL', 'SETUSER', 'api', 'reset', 'on', '>secret-of-api', ...channels, ...users)
  const user = { username: 'api', password: 'secret-of-api' }

  test('a glob of the name is enough', async () => {
    await asUser(`&${prefix}r:*`)
    const [api, worker] = [make(user), make()]
    const id = api.createId()
    const stream = api.stream('r', id)
    await stream.ready
    await worker.emit('r', id, 1)
    expect((await stream.next()).value).toEqual([1])
    await stream.return()
  })

  test('a home that is refused, or taken away, is told with its channel', async () => {
    await asUser(`&${prefix}r:*`)
    const api = make(user, { backstop: 60_000 })
    const label = labelOf(api)
    const refused = (await outcome(api.on('other', api.createId()))) as ForbiddenError
    expect(refused).toBeInstanceOf(ForbiddenError)
    expect(refused).toMatchObject({ channel: `${prefix}other:{${label}}` })
    expect(refused.message).toContain(`SUBSCRIBE on "${prefix}other:{${label}}"`)

    const lost: unknown[] = []
    const hear = (told: unknown): number => lost.push(told)
    hearChannel('server-events:topic:lost', hear)
    const stream = api.stream('r', api.createId())
    await stream.ready
    await asUser()
    const ended = (await outcome(stream.next())) as ForbiddenError
    stopHearing('server-events:topic:lost', hear)
    expect(ended).toMatchObject({ code: 'ERR_FORBIDDEN', channel: `${prefix}r:{${label}}` })
    expect(lost).toEqual([
      expect.objectContaining({ name: 'r', id: undefined, home: label, error: expect.any(ForbiddenError) }),
    ])
  })

  test('an emit that is refused is told with the channel of the home', async () => {
    await asUser(`&${prefix}r:`)
    await admin.call('ACL', 'SETUSER', 'api', '+publish')
    const worker = make({ ...user, channels: 'pattern' } satisfies Transport & { channels: Channels })
    const id = make().createId()
    await worker.emit('r', 'homeless')
    expect(await outcome(worker.emit('r', id))).toMatchObject({
      code: 'ERR_FORBIDDEN',
      channel: `${prefix}r:{${homeOf(id)!}}`,
    })
  })
})

test('at the master that Sentinels name, homes are what they are elsewhere', async () => {
  const group = await startSentinels()
  try {
    const sentinels = group.sentinels.map(({ host, port }) => ({ host, port }))
    const [api, worker] = (['id', 'pattern'] as const).map((channels) => {
      const events = new ServerEvents(new RedisTransport({ sentinels, name: group.name, channels }), {
        listen: channels === 'id' ? ['r'] : [],
        timeout: 60_000,
      })
      open.push(events)
      return events
    }) as [ServerEvents, ServerEvents]
    await Promise.all([api.init(), worker.init()])
    const id = api.createId()
    const wait = api.on('r', id)
    await worker.emit('r', id, 'x')
    expect(await wait).toEqual(['x'])
  } finally {
    await Promise.all(open.splice(0).map((events) => events.close()))
    await group.stop()
  }
}, 60_000)
