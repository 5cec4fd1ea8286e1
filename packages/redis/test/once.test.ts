import { Redis } from 'ioredis'
import { ForbiddenError } from 'server-events'
import type { EventKey, Message, Once } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { eventually, startCluster, startProxy, startRedis } from '@server-events/testing'
import type { FaultProxy, RedisServer } from '@server-events/testing'
import { attached, event, outcome } from './support'
import type { RecordingReceiver } from './support'

let redis: RedisServer
let admin: Redis
let proxy: FaultProxy | undefined
beforeAll(async () => {
  redis = await startRedis()
  admin = new Redis(redis.url)
})
afterEach(async () => {
  await proxy?.close()
  proxy = undefined
  await admin.flushall()
})
afterAll(async () => {
  admin.disconnect()
  await redis.stop()
})

const KEEP = 60_000
const settled = { code: 'ERR_ALREADY_SETTLED' }
const key = { name: 'report', id: '42' }
const at = 'se:kept:report:42'
const approved = event('["approved"]', { kept: true })
const rejected = event('["rejected"]', { kept: true })

const make = (options: RedisTransportOptions & { username?: string; password?: string } = {}, url = redis.url) =>
  attached(new RedisTransport(url, options))

const onceOf =
  ({ kind, body }: Message): Once =>
  (held) =>
    held.kind === kind && held.body === body ? 'same' : 'other'

function keep({ keeper }: RedisTransport, message: Message, where: EventKey = key, once = onceOf(message)) {
  return keeper.publish(where, message, KEEP, once)
}

const bodies = ({ delivered }: RecordingReceiver): unknown[] => delivered.map(({ message }) => message.body)

test('a worker that crashed between store and announcement: who comes next announces what holds', async () => {
  const { transport, receiver } = make()
  await transport.subscribe({ name: 'report' })
  await admin.set(at, 'se2\nE42\t\t["approved"]', 'PX', KEEP)
  expect(await outcome(keep(transport, rejected))).toMatchObject(settled)
  await receiver.arrived('42')
  expect(bodies(receiver)).toEqual(['["approved"]'])
})

test('a reply to SET that is swallowed, then a cut: it is stored already, which is the same outcome', async () => {
  const peer = make()
  await peer.transport.subscribe({ name: 'report' })
  proxy = await startProxy(redis)
  const { transport } = make({}, proxy.url)
  await transport.connect()
  proxy.blackhole('down')
  const kept = keep(transport, approved)
  await eventually(async () => (await admin.get(at)) !== null)
  expect(peer.receiver.ids).toEqual([])
  proxy.heal()
  proxy.cut()
  await kept
  await peer.receiver.arrived('42')
  expect(bodies(peer.receiver)).toEqual(['["approved"]'])
})

test('unanswered by its deadline: UncertainError, and it is not published later', async () => {
  const peer = make()
  await peer.transport.subscribe({ name: 'report' })
  proxy = await startProxy(redis)
  const { transport } = make({ publishTimeout: 300 }, proxy.url)
  await transport.connect()
  proxy.blackhole('down')
  proxy.refuse()
  expect(await outcome(keep(transport, approved))).toMatchObject({ code: 'ERR_UNCERTAIN' })
  proxy.heal()
  await proxy.accept()
  await transport.publish({ name: 'report', id: 'sentinel' }, event('[]'))
  await peer.receiver.arrived('sentinel')
  expect(peer.receiver.ids).toEqual(['sentinel'])
})

test('those of a tick leave in few frames, and in their order with what is not kept', async () => {
  const { transport, receiver } = make()
  await transport.subscribe({ name: 'report' })
  await admin.config('RESETSTAT')
  const all: Promise<void>[] = []
  for (let id = 0; id < 60; id++) {
    const where = { name: 'report', id: String(id) }
    if (id === 20) all.push(transport.publish(where, event('[]')))
    else if (id === 40) all.push(transport.keeper.publish(where, approved, KEEP))
    else all.push(keep(transport, approved, where))
  }
  all.push(transport.keeper.forget({ name: 'report', id: '0' }))
  all.push(keep(transport, rejected, { name: 'report', id: '0' }))
  await Promise.all(all)
  await eventually(() => receiver.ids.length > 60)
  expect(receiver.ids).toEqual([...Array.from({ length: 60 }, (_, id) => String(id)), '0'])
  expect(bodies(receiver).at(-1)).toBe('["rejected"]')
  const publishes = Number(/cmdstat_publish:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1])
  expect(publishes).toBeLessThanOrEqual(6)
})

test.each([
  ['text', Buffer.from('no frame')],
  ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x80])],
  ['nothing at all', Buffer.alloc(0)],
])('what is no outcome is replaced, with a few commands: %s', async (_, garbage) => {
  const { transport } = make()
  await transport.connect()
  await admin.set(at, garbage)
  await admin.config('RESETSTAT')
  await keep(transport, approved)
  expect(await admin.get(at)).toContain('approved')
  const commands = Number(/total_commands_processed:(\d+)/.exec(await admin.info('stats'))?.[1])
  expect(commands).toBeLessThan(20)
  expect(await outcome(keep(transport, rejected))).toMatchObject(settled)
})

test('a server that is full: neither stored nor published, and it says why', async () => {
  const { transport, receiver } = make()
  await transport.subscribe({ name: 'report' })
  await admin.config('SET', 'maxmemory', '1')
  try {
    expect(await outcome(keep(transport, approved))).toMatchObject({
      code: 'ERR_CONNECTION',
      sent: false,
      message: expect.stringContaining('OOM'),
    })
  } finally {
    await admin.config('SET', 'maxmemory', '0')
  }
  await transport.publish({ name: 'report', id: 'sentinel' }, event('[]'))
  await receiver.arrived('sentinel')
  expect(receiver.ids).toEqual(['sentinel'])
})

describe('a worker with a minimal ACL', () => {
  async function worker(...commands: string[]) {
    const rules = ['reset', 'on', '>secret', '&se:report:', '~se:kept:report:*', ...commands]
    await admin.call('ACL', 'SETUSER', 'worker', ...rules)
    return make({ username: 'worker', password: 'secret' })
  }

  test('without GET keeps the first outcome; where there is one, it is told what to grant', async () => {
    const { transport, receiver } = await worker('+ping', '+publish', '+set')
    await keep(transport, approved)
    const error = await outcome(keep(transport, approved))
    expect(error).toBeInstanceOf(ForbiddenError)
    expect(error).toMatchObject({ channel: at, message: expect.stringMatching(/GET.*once.*grant \+get/) })
    expect(await admin.get(at)).toContain('approved')
    expect(receiver.states('inputStore')).toEqual([true])
  })

  test('with GET has all it needs', async () => {
    const { transport } = await worker('+ping', '+publish', '+set', '+get')
    await keep(transport, approved)
    await keep(transport, approved)
    expect(await outcome(keep(transport, rejected))).toMatchObject(settled)
  })

  test('without EVAL cannot replace what does not hold, and is told what to grant', async () => {
    await admin.set(at, 'no outcome')
    const { transport } = await worker('+ping', '+publish', '+set', '+get')
    const error = await outcome(keep(transport, approved))
    expect(error).toMatchObject({ code: 'ERR_FORBIDDEN', message: expect.stringMatching(/EVAL.*grant \+eval/) })
    const granted = await worker('+ping', '+publish', '+set', '+get', '+eval')
    await keep(granted.transport, approved)
    expect(await admin.get(at)).toContain('approved')
  })

  test('without SET is refused, and nothing is published', async () => {
    const peer = make()
    await peer.transport.subscribe({ name: 'report' })
    const { transport } = await worker('+ping', '+publish')
    expect(await outcome(keep(transport, approved))).toMatchObject({ code: 'ERR_FORBIDDEN', channel: at })
    await transport.publish({ name: 'report', id: 'sentinel' }, event('[]'))
    await peer.receiver.arrived('sentinel')
    expect(peer.receiver.ids).toEqual(['sentinel'])
  })
})

test('an outcome of a later wire holds, whatever it says', async () => {
  await admin.set(at, 'se3\nsomething')
  const { transport } = make()
  expect(await outcome(keep(transport, approved))).toMatchObject({ code: 'ERR_UNSUPPORTED' })
  expect(await admin.get(at)).toBe('se3\nsomething')
})

test('while somebody else runs a script it is held, and decided then', async () => {
  const { transport, receiver } = make({ publishTimeout: 20_000 })
  await transport.subscribe({ name: 'report' })
  await keep(transport, approved)
  await admin.config('SET', 'busy-reply-threshold', '1')
  const tenant = new Redis(redis.url)
  const script = tenant.eval('while true do end', 0).catch(() => undefined)
  await eventually(async () => String(await outcome(admin.get('any'))).includes('BUSY'))
  const results = Promise.all([outcome(keep(transport, rejected)), outcome(keep(transport, approved))])
  // Several rounds of refusals.
  await new Promise((resolve) => setTimeout(resolve, 400))
  await admin.script('KILL')
  await script
  tenant.disconnect()
  expect(await results).toEqual([expect.objectContaining(settled), 'resolved'])
  await eventually(() => receiver.ids.length >= 3)
  expect(new Set(bodies(receiver))).toEqual(new Set(['["approved"]']))
})

test('wire 1.x cannot: its peers could not be told what holds', () => {
  expect(make({ wire: '1.x' }).transport.keeper.once).toBeUndefined()
  expect(make({ wire: 'both' }).transport.keeper.once).toBe(true)
})

test('in a Cluster: one outcome of each key, on whatever master, for two that emit at a time', async () => {
  const cluster = await startCluster({ nodeTimeout: 15_000 })
  const masters = cluster.masters.map(({ host, port }) => ({ host, port }))
  const [one, other] = [0, 1].map(() => attached(new RedisTransport({ cluster: masters })))
  try {
    await one!.transport.subscribe({ name: 'report' })
    const keys = Array.from({ length: 30 }, (_, id) => ({ name: 'report', id: String(id) }))
    const results = await Promise.all(
      keys.flatMap((where) => [
        outcome(keep(one!.transport, approved, where)),
        outcome(keep(other!.transport, rejected, where)),
      ]),
    )
    expect(results.filter((result) => result === 'resolved')).toHaveLength(30)
    expect(results.filter((result) => (result as { code?: string }).code === settled.code)).toHaveLength(30)
    const held = (await one!.transport.keeper.recall(keys)) as Message[]
    await eventually(() => one!.receiver.ids.length >= 60)
    for (const { key: where, message } of one!.receiver.delivered)
      expect([where.id, message.body]).toEqual([where.id, held[Number(where.id)]!.body])
  } finally {
    await Promise.all([one!.transport.close(), other!.transport.close()])
    await cluster.stop()
  }
})
