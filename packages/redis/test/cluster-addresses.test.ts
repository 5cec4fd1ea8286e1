import { Cluster, Redis } from 'ioredis'
import type { EventKey } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { eventually, startCluster, startProxy } from '@server-events/testing'
import type { FaultProxy, RedisCluster } from '@server-events/testing'
import { slotOf } from '../src/cluster/topology'
import { keyOf } from '../src/outcomes/key'
import { attached, event } from './support'
import type { RecordingReceiver } from './support'

let cluster: RedisCluster
let admins: Redis[]
beforeAll(async () => {
  cluster = await startCluster({ nodeTimeout: 15_000, args: ['--bind', '127.0.0.1', '::1'] })
  admins = cluster.nodes.map(({ port }) => new Redis(port))
}, 60_000)
afterAll(async () => {
  for (const admin of admins) admin.disconnect()
  await cluster.stop()
})

const KEEP = 60_000
/** Long enough for a machine that is busy; the watch looks every three of them. */
const HEARTBEAT = 300
const kept = event('[]', { kept: true })

let prefixes = 0
function make(options: Record<string, unknown> & RedisTransportOptions = {}, factory?: () => Cluster) {
  const prefix = `p${++prefixes}:`
  const source: unknown[] = factory ? [factory, { prefix, ...options }] : [{ cluster: localhost(), prefix, ...options }]
  const { transport, receiver } = attached(
    new RedisTransport(...(source as ConstructorParameters<typeof RedisTransport>)),
  )
  return { transport, receiver, prefix }
}

/** As users write them, while nodes announce 127.0.0.1. */
const localhost = (): { host: string; port: number }[] =>
  cluster.masters.map(({ port }) => ({ host: 'localhost', port }))

/** An id of name 'n' whose outcome is on this master. */
function idOn(master: number, prefix: string): string {
  for (let id = 0; ; id++)
    if (Math.floor((slotOf(keyOf(prefix, { name: 'n', id: `${id}` })) * 3) / 16_384) === master) return `${id}`
}

/** Heard, kept and recalled, by all masters. */
async function works({ transport, receiver, prefix }: ReturnType<typeof make>): Promise<void> {
  await transport.subscribe({ name: 'n' })
  const keys = [0, 1, 2].map((master): EventKey => ({ name: 'n', id: idOn(master, prefix) }))
  await Promise.all(keys.map((key) => transport.keeper.publish(key, kept, KEEP)))
  for (const { id } of keys) await receiver.arrived(id)
  expect(await transport.keeper.recall(keys)).toEqual(keys.map(() => expect.objectContaining({ body: '[]' })))
}

/** How often all nodes together were asked where slots are. */
async function surveys(): Promise<number> {
  const infos = await Promise.all(admins.map((admin) => admin.info('commandstats')))
  return infos.reduce((sum, info) => sum + Number(/cmdstat_cluster\|slots:calls=(\d+)/.exec(info)?.[1] ?? 0), 0)
}

async function watched(times: number): Promise<void> {
  const before = await surveys()
  await eventually(async () => (await surveys()) >= before + times, { timeout: 20_000 })
}

const interruptions = (receiver: RecordingReceiver): number =>
  [...receiver.states('inputStore'), ...receiver.states('outputStore')].filter((up) => !up).length

test('numbers as texts: it connects, keeps and finds', async () => {
  const one = make({ stringNumbers: true })
  await works(one)
  expect(one.receiver.errors()).toEqual([])
})

test.each(['resp3', 'legacy'])('replies mapped as %p', async (replyMapping) => {
  await works(make({ replyMapping }))
})

test.each<[string, (port: number) => unknown]>([
  ['an IPv6 address', (port) => ({ host: '::1', port })],
  ['one in brackets', (port) => ({ host: '[::1]', port })],
  ['one in a URL', (port) => `redis://[::1]:${port}`],
])('%s as a seed', async (_, seed) => {
  const one = make({ cluster: [seed(cluster.masters[1]!.port)], heartbeat: HEARTBEAT })
  await works(one)
  await watched(6)
  expect(interruptions(one.receiver)).toBe(0)
})

describe('seeds by hostname, nodes that announce something else', () => {
  const setAll = async (name: string, value: string): Promise<void> => {
    await Promise.all(admins.map((admin) => admin.config('SET', name, value)))
  }
  const told = async (text: string, times = 1): Promise<void> => {
    await eventually(
      async () => {
        const answers = await Promise.all(admins.map((admin) => admin.cluster('SLOTS')))
        return answers.every((answer) => JSON.stringify(answer).split(text).length > times)
      },
      { timeout: 20_000 },
    )
    // A node that hears of another address of its neighbour links itself anew.
    await cluster.linked()
  }

  afterEach(async () => {
    await setAll('cluster-preferred-endpoint-type', 'ip')
    await setAll('cluster-announce-hostname', '')
    // Not '': then the others keep the address that the link came from.
    await setAll('cluster-announce-ip', '127.0.0.1')
    await told('["127.0.0.1"', 6)
  }, 60_000)

  const announcements: [string, () => Promise<void>][] = [
    ['an IP address', async () => Promise.resolve()],
    [
      'a hostname',
      async () => {
        await setAll('cluster-announce-hostname', 'localhost')
        await setAll('cluster-preferred-endpoint-type', 'hostname')
        await told('["localhost"', 6)
      },
    ],
    [
      'no hostname, although that is preferred',
      async () => {
        await setAll('cluster-preferred-endpoint-type', 'hostname')
        await told('["?"', 6)
      },
    ],
    [
      'nothing',
      async () => {
        await setAll('cluster-preferred-endpoint-type', 'unknown-endpoint')
        await told('[null', 6)
      },
    ],
    [
      'an IPv6 address',
      async () => {
        await setAll('cluster-announce-ip', '::1')
        await told('["::1"', 6)
      },
    ],
  ]

  test.each(announcements)(
    '%s: no connection is cut, also after it fell back to a seed',
    async (_, announce) => {
      const before = make({ heartbeat: HEARTBEAT })
      await works(before)
      // While it is connected: what it was connected to is told of by another text now.
      await announce()
      const both = [before, make({ heartbeat: HEARTBEAT })]
      for (const one of both) await works(one)
      await watched(8)
      for (const { receiver } of both) expect(interruptions(receiver)).toBe(0)
      for (const admin of admins) await admin.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes').catch(() => undefined)
      for (const admin of admins) await admin.client('KILL', 'TYPE', 'pubsub')
      for (const { receiver } of both) await receiver.up('outputStore', 2)
      for (const one of both) await works(one)
      const cut = both.map(({ receiver }) => interruptions(receiver))
      await watched(8)
      expect(both.map(({ receiver }) => interruptions(receiver))).toEqual(cut)
    },
    60_000,
  )

  test.each(announcements.slice(1))(
    '%s: a slot that has moved is followed',
    async (_, announce) => {
      await announce()
      const one = make()
      await works(one)
      const key = { name: 'n', id: idOn(0, one.prefix) }
      const slot = slotOf(keyOf(one.prefix, key))
      const ids = await Promise.all(admins.map((admin) => admin.cluster('MYID')))
      const give = async (from: number, to: number): Promise<void> => {
        await admins[from]!.del(keyOf(one.prefix, key))
        for (const master of [to, from, 3 - to - from]) await admins[master]!.call('CLUSTER', 'SETSLOT', slot, 'NODE', ids[to]!)
      } // prettier-ignore
      await give(0, 1)
      await one.transport.keeper.publish(key, kept, KEEP)
      expect(await admins[1]!.exists(keyOf(one.prefix, key))).toBe(1)
      expect(await one.transport.keeper.recall([key])).toEqual([expect.objectContaining({ body: '[]' })])
      await give(1, 0)
      await one.transport.keeper.publish(key, kept, KEEP)
      expect(await admins[0]!.exists(keyOf(one.prefix, key))).toBe(1)
    },
    60_000,
  )
})

test('who may not ask a node for its id is not cut either', async () => {
  const rules = 'on >secret allkeys allchannels +@all -cluster +cluster|slots'
  await Promise.all(admins.map((admin) => admin.call('ACL', 'SETUSER', 'noid', ...rules.split(' '))))
  const one = make({ username: 'noid', password: 'secret', heartbeat: HEARTBEAT })
  await works(one)
  await watched(8)
  expect(interruptions(one.receiver)).toBe(0)
  expect(one.receiver.errors()).toEqual([])
})

test('an idle process asks on connections that stand, and leaves the function of the user alone', async () => {
  let calls = 0
  const { transport, receiver } = make({ heartbeat: HEARTBEAT }, () => {
    calls++
    return new Cluster(localhost(), { lazyConnect: true })
  })
  await transport.subscribe({ name: 'n' })
  await receiver.up('outputStore')
  await transport.connect()
  expect(calls).toBe(2)
  await watched(9)
  expect(calls).toBe(2)
  expect(interruptions(receiver)).toBe(0)
})

test('all nodes get new addresses: a seed leads back', async () => {
  const [old, renewed] = await Promise.all([0, 1].map(() => Promise.all(cluster.nodes.map((node) => startProxy(node)))))
  const seed = await startProxy(cluster.nodes[0]!)
  let ends: readonly FaultProxy[] = old!
  const natMap = (address: string): { host: string; port: number } =>
    ends[cluster.nodes.findIndex(({ port }) => address.endsWith(`:${port}`))]!
  try {
    const one = make({ cluster: [seed.port], natMap, connectTimeout: 500, heartbeat: 200, publishTimeout: 4_000 })
    await works(one)
    ends = renewed!
    // Those at the old addresses answer nobody any more.
    for (const proxy of old!) proxy.blackhole()
    seed.cut()
    for (const proxy of old!) proxy.cut()
    const { length } = one.receiver.states('outputStore').filter(Boolean)
    await one.receiver.up('outputStore', length + 1)
    await works(one)
  } finally {
    await Promise.all([...old!, ...renewed!, seed].map((proxy) => proxy.close()))
  }
}, 60_000)

test('nodes that freeze, or swallow who connects, do not keep us away for long', async () => {
  const proxies = await Promise.all(cluster.nodes.map((node) => startProxy(node)))
  const natMap = (address: string): { host: string; port: number } =>
    proxies[cluster.nodes.findIndex(({ port }) => address.endsWith(`:${port}`))]!
  try {
    // Of an attempt that takes all that time there is only one in this test.
    const { transport, receiver } = make({
      cluster: proxies.map(({ port }) => port),
      natMap,
      connectTimeout: 4_000,
      heartbeat: 100,
    })
    await transport.subscribe({ name: 'n' })
    const living = proxies.at(-1)!
    for (const proxy of proxies) if (proxy !== living) proxy.blackhole()
    for (const proxy of proxies) proxy.cut()
    await receiver.up('outputStore', 2)
    expect(receiver.errors('outputStore').map(String)).not.toContain('closed by the server')
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.close()))
  }
}, 120_000)
