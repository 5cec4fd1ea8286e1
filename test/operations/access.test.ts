// The users of docs/operations.md, on a server that was started with exactly those lines.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Redis5 from 'ioredis'
import Redis6 from 'ioredis6'
import { RedisTransport, type RedisRole, type RedisTransportOptions } from '@server-events/redis'
import { eventually, startRedis, type RedisServer } from '@server-events/testing'
import { ForbiddenError, ServerEvents, type ServerEventsOptions } from 'server-events'
import { blocksIn } from './page'

const folder = mkdtempSync(join(tmpdir(), 'server-events-acl-'))
let server: RedisServer
let admin: Redis5
const open: ServerEvents[] = []

beforeAll(async () => {
  const users = new Set(blocksIn('acl').flatMap(({ code }) => code.trim().split('\n')))
  writeFileSync(join(folder, 'acl'), [...users, 'user admin on nopass allkeys allchannels +@all'].join('\n'))
  server = await startRedis({ args: ['--aclfile', join(folder, 'acl')] })
  admin = new Redis5(server.url, { username: 'admin', password: 'any' })
})

/** Where ioredis prints what it has to say of a missing +info. */
let warn: jest.SpyInstance

beforeEach(() => {
  warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined)
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((events) => events.close()))
  const { calls } = warn.mock
  warn.mockRestore()
  expect(calls).toEqual([])
})

afterAll(async () => {
  admin.disconnect()
  await server.stop()
  rmSync(folder, { recursive: true })
})

test('the page has the users that are tried here', () => {
  const names = blocksIn('acl').flatMap(({ code }) => [...code.matchAll(/^user (\S+)/gm)].map(([, name]) => name))
  const tried = [
    'worker',
    'api',
    'kept-worker',
    'kept-api',
    'once-worker',
    'api-out',
    'api-in',
    'channel-api',
    'id-listener',
    'asking-worker',
    'asked-api',
    'default',
  ]
  expect([...new Set(names)].sort()).toEqual(tried.sort())
})

describe.each([
  ['5', Redis5],
  ['6', Redis6 as unknown as typeof Redis5],
])('ioredis %s', (_, Redis) => {
  type Options = ServerEventsOptions<Record<string, unknown[]>>
  type User = string | ((role: RedisRole) => string)

  function connect(user: User, options?: Options, transport: RedisTransportOptions & { ready?: boolean } = {}) {
    const { ready = true, ...rest } = transport
    const client = (role: RedisRole) =>
      new Redis({
        host: server.host,
        port: server.port,
        username: typeof user === 'string' ? user : user(role),
        password: 'secret',
        enableReadyCheck: ready,
      })
    const events = new ServerEvents(new RedisTransport(client, rest), options)
    const told: Error[] = []
    events.onerror((_store, error) => told.push(error))
    open.push(events)
    return { events, told }
  }

  const forbidden = (channel: string) => expect.objectContaining({ code: ForbiddenError.code, channel }) as unknown

  test('plain: the worker emits and fails, the API server waits, and neither is refused anything', async () => {
    const worker = connect('worker')
    // PINGs included.
    const api = connect('api', { listen: ['report'] }, { heartbeat: 20 })
    await Promise.all([worker.events.init(), api.events.init()])
    const pings = async () => Number(/cmdstat_ping:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0)
    const before = await pings()
    const waits = [api.events.on('report', 1), api.events.on('report', 2)]
    await worker.events.emit('report', 1, 'done')
    await worker.events.fail('report', 2, new Error('broken'))
    expect(await waits[0]).toEqual(['done'])
    await expect(waits[1]).rejects.toMatchObject({ remoteName: 'Error', message: 'broken' })
    while ((await pings()) < before + 2) await new Promise((resolve) => setTimeout(resolve, 10))
    expect([...worker.told, ...api.told]).toEqual([])
  })

  test('a name that nobody waits for any more can be given up', async () => {
    const client = () => new Redis({ host: server.host, port: server.port, username: 'api', password: 'secret' })
    // Below ServerEvents, which would give it up half a minute later.
    const transport = new RedisTransport(client)
    const ignore = () => undefined
    transport.attach({ wants: () => false, deliver: ignore, state: ignore, lost: ignore, error: ignore })
    await transport.subscribe({ name: 'report' })
    expect(await admin.call('PUBSUB', 'NUMPAT')).toBe(1)
    await transport.unsubscribe({ name: 'report' })
    expect(await admin.call('PUBSUB', 'NUMPAT')).toBe(0)
    await transport.close()
  })

  test('plain: the wrong direction is refused', async () => {
    const worker = connect('worker').events
    const api = connect('api').events
    await expect(worker.on('report', 1)).rejects.toEqual(forbidden('se:report:*'))
    await expect(worker.listen('report')).rejects.toEqual(forbidden('se:report:*'))
    await expect(api.emit('report', 1)).rejects.toEqual(forbidden('se:report:'))
    await expect(api.fail('report', 1, new Error())).rejects.toEqual(forbidden('se:report:'))
    // Other names are nobody's.
    await expect(worker.emit('other', 1)).rejects.toEqual(forbidden('se:other:'))
    await expect(api.on('other', 1)).rejects.toEqual(forbidden('se:other:*'))
  })

  test('asking: the worker is answered, hears nothing else, and who waits cannot answer itself', async () => {
    const worker = connect('asking-worker')
    const api = connect('asked-api')
    void api.events.on('report', 7)
    await api.events.listen('report')
    const wanted = worker.events.wanted('report', 7, { every: 200, within: 2_000 })
    await eventually(() => expect(wanted.now).toBe(true))
    expect([...worker.told, ...api.told]).toEqual([])
    await expect(worker.events.on('report', 1)).rejects.toEqual(forbidden('se:report:*'))
    await expect(api.events.emit('report', 1)).rejects.toEqual(forbidden('se:report:'))
    wanted.close()
  })

  test('asking: a worker without the rights stops nothing, and is told', async () => {
    const worker = connect('worker')
    const wanted = worker.events.wanted('report', 8, { every: 20, within: 20 })
    await eventually(() => expect(worker.told).toMatchObject([{ code: ForbiddenError.code }]))
    expect(wanted).toMatchObject({ now: undefined, signal: { aborted: false } })
    wanted.close()
  })

  test('asking: who waits without the right counts as nobody, and is told', async () => {
    const api = connect('api')
    void api.events.on('report', 8)
    await api.events.listen('report')
    const wanted = connect('asking-worker').events.wanted('report', 8, { every: 200, within: 200 })
    await eventually(() => expect(wanted.signal.aborted).toBe(true))
    expect(api.told).toMatchObject([{ code: ForbiddenError.code }])
  })

  test('kept: stored by the worker, found by an API server that comes late; the wrong direction is refused', async () => {
    const keep = { keep: 60_000 }
    const worker = connect('kept-worker', keep)
    const api = connect('kept-api', keep)
    await worker.events.emit('report', 10, 'kept')
    expect(await api.events.on('report', 10)).toEqual(['kept'])
    expect(await api.events.peek('report', 10)).toEqual(['kept'])
    expect([...worker.told, ...api.told]).toEqual([])
    await expect(worker.events.peek('report', 10)).rejects.toEqual(forbidden('se:kept:report:10'))
    await expect(api.events.forget('report', 10)).rejects.toEqual(forbidden('se:kept:report:10'))
    await expect(api.events.emit('report', 10, 'forged')).rejects.toEqual(forbidden('se:report:'))
    expect(await api.events.peek('report', 10)).toEqual(['kept'])
  })

  test('kept: `forget` takes +del on keys that may be written', async () => {
    const worker = connect('kept-worker', { keep: 60_000 }).events
    await worker.emit('report', 11, 'kept')
    await admin.call('ACL', 'SETUSER', 'kept-worker', '+del')
    await worker.forget('report', 11)
    expect(await connect('kept-api').events.peek('report', 11)).toBeUndefined()
    await admin.call('ACL', 'SETUSER', 'kept-worker', '-del')
  })

  test('kept once: a worker that comes second needs +get, to read what holds', async () => {
    const keep = { keep: { report: { ms: 60_000, once: true } } } as const
    const worker = connect('once-worker', keep)
    await worker.events.emit('report', 12, 'approved')
    await worker.events.emit('report', 12, 'approved')
    await expect(worker.events.emit('report', 12, 'rejected')).rejects.toMatchObject({ code: 'ERR_ALREADY_SETTLED' })
    const blind = connect('kept-worker', keep)
    await expect(blind.events.emit('report', 12, 'rejected')).rejects.toEqual(forbidden('se:kept:report:12'))
    expect(await connect('kept-api', keep).events.on('report', 12)).toEqual(['approved'])
    await admin.del('se:kept:report:12')
  })

  test('kept once: what somebody else has stored is replaced with +eval, and without it the emit says so', async () => {
    const keep = { keep: { report: { ms: 60_000, once: true } } } as const
    await admin.set('se:kept:report:13', 'of somebody else')
    const { events } = connect('once-worker', keep)
    const error = await events.emit('report', 13, 'approved').catch((reason: unknown) => reason)
    expect(error).toEqual(forbidden('se:kept:report:13'))
    expect((error as Error).message).toContain('+eval')
    await admin.call('ACL', 'SETUSER', 'once-worker', '+eval')
    await events.emit('report', 13, 'approved')
    expect(await connect('kept-api', keep).events.on('report', 13)).toEqual(['approved'])
    await admin.call('ACL', 'SETUSER', 'once-worker', '-eval')
    await admin.del('se:kept:report:13')
  })

  test('a user for each side: it emits jobs and waits for reports, and cannot answer itself', async () => {
    const { events, told } = connect((role) => (role === 'publish' ? 'api-out' : 'api-in'), {
      keep: { report: 60_000 },
    })
    await connect('kept-worker', { keep: 60_000 }).events.emit('report', 20, 'kept')
    await events.emit('job', 20)
    expect(await events.on('report', 20)).toEqual(['kept'])
    expect(told).toEqual([])
    await expect(events.emit('report', 21))
      .rejects.toMatchObject({ code: 'ERR_NOT_KEPT' })
      .catch(() => undefined)
    await expect(events.fail('report', 21, new Error())).rejects.toEqual(forbidden('se:report:'))
    await expect(events.on('job', 1)).rejects.toEqual(forbidden('se:job:*'))
  })

  test.each([
    { channels: 'name', user: 'channel-api', listen: ['report'], whole: false, listensToAll: true },
    { channels: 'id', user: 'channel-api', listen: [], whole: false, listensToAll: false },
    { channels: 'id', user: 'id-listener', listen: [], whole: true, listensToAll: false },
  ] as const)(
    'channels $channels: $user waits and gives up, and cannot emit',
    async ({ channels, user, listen, whole, listensToAll }) => {
      const worker = connect('worker', {}, { channels })
      const api = connect(user, { listen: [...listen] }, { channels, heartbeat: 20 })
      await Promise.all([worker.events.init(), api.events.init()])
      if (whole) await api.events.listen('report')
      // Its subscription stands when it is ready.
      const stream = api.events.stream('report', 50)
      await stream.ready
      const wait = api.events.on('report', 50)
      await worker.events.emit('report', 50, 'done')
      expect(await wait).toEqual(['done'])
      expect(await stream.next()).toEqual({ value: ['done'], done: false })
      await stream.return()
      if (channels === 'id')
        while (((await admin.call('PUBSUB', 'CHANNELS')) as string[]).length > 0) await new Promise(setImmediate)
      expect([...worker.told, ...api.told]).toEqual([])
      await expect(api.events.emit('report', 50)).rejects.toMatchObject({ code: ForbiddenError.code })
      await expect(worker.events.on('report', 50)).rejects.toMatchObject({ code: ForbiddenError.code })
      const listening = api.events.listen('other')
      if (listensToAll) await listening
      else await expect(listening).rejects.toEqual(forbidden('se:other:*'))
    },
  )

  test("with channels 'id', option listen needs no pattern: channel-api waits for its own ids", async () => {
    const worker = connect('worker', {}, { channels: 'pattern' })
    const api = connect('channel-api', { listen: ['report', 'any'] }, { channels: 'id' })
    await Promise.all([worker.events.init(), api.events.init()])
    const id = api.events.createId()
    const wait = api.events.on('report', id)
    await worker.events.emit('report', id, 'done')
    expect(await wait).toEqual(['done'])
  })

  test("while wire is 'both', a waiting user also needs the pattern of 1.x", async () => {
    const refused = connect('api', {}, { wire: 'both' }).events
    await expect(refused.on('report', 30)).rejects.toMatchObject({ code: ForbiddenError.code })
    await admin.call('ACL', 'SETUSER', 'api', '&report:*')
    const api = connect('api', { listen: ['report'] }, { wire: 'both' }).events
    await api.init()
    const wait = api.on('report', 30)
    await connect('worker').events.emit('report', 30, 'done')
    expect(await wait).toEqual(['done'])
    await admin.call('ACL', 'SETUSER', 'api', 'resetchannels', '&se:report:*')
  })

  test('without +info ioredis prints a line, unless enableReadyCheck is false', async () => {
    for (const user of ['worker', 'api']) await admin.call('ACL', 'SETUSER', user, '-info')
    const exchange = async (ready: boolean): Promise<void> => {
      const api = connect('api', { listen: ['report'] }, { ready }).events
      await api.init()
      const wait = api.on('report', 40)
      await connect('worker', {}, { ready }).events.emit('report', 40, 'done')
      expect(await wait).toEqual(['done'])
    }
    await exchange(false)
    expect(warn).not.toHaveBeenCalled()
    await exchange(true)
    expect(warn).toHaveBeenCalled()
    warn.mockClear()
    for (const user of ['worker', 'api']) await admin.call('ACL', 'SETUSER', user, '+info')
  })

  test('a wildcard over names may publish, but not subscribe to a narrower pattern', async () => {
    const rules = 'on >secret resetchannels -@all &se:* +publish +psubscribe +punsubscribe +ping +info'.split(' ')
    await admin.call('ACL', 'SETUSER', 'wild', ...rules)
    const wild = connect('wild').events
    await wild.emit('report', 1)
    await expect(wild.on('report', 1)).rejects.toEqual(forbidden('se:report:*'))
  })

  test('a wrong password is AuthError at once', async () => {
    const client = () => new Redis({ host: server.host, port: server.port, username: 'api', password: 'wr0ng' })
    const events = new ServerEvents(new RedisTransport(client))
    events.onerror(() => undefined)
    open.push(events)
    await expect(events.init()).rejects.toMatchObject({ code: 'ERR_AUTH' })
  })
})
