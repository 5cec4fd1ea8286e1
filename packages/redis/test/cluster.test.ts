import { Cluster, Redis } from 'ioredis'
import { NotKeptError, UncertainError } from 'server-events'
import type { EventKey, Topic } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { eventually, startCluster, startProxy, startRedis } from '@server-events/testing'
import type { FaultProxy, RedisCluster } from '@server-events/testing'
import { addressOf, slotOf } from '../src/cluster/topology'
import { keyOf } from '../src/outcomes/key'
import { attached, event, outcome } from './support'

let cluster: RedisCluster
let admins: Redis[]
const seeds = (): { host: string; port: number }[] => cluster.masters.map(({ host, port }) => ({ host, port }))

beforeAll(async () => {
  // Nobody becomes a master here: that is for test/faults.
  cluster = await startCluster({ nodeTimeout: 15_000 })
  admins = cluster.masters.map(({ port }) => new Redis(port))
})
afterAll(async () => {
  for (const admin of admins) admin.disconnect()
  await cluster.stop()
})

type Source = ConstructorParameters<typeof RedisTransport>
let prefixes = 0
function make(options: Record<string, unknown> = {}, ...source: unknown[]) {
  return attached(
    new RedisTransport(
      ...((source.length > 0 ? source : [{ cluster: seeds(), prefix: `p${++prefixes}:`, ...options }]) as Source),
    ),
  )
}

const KEEP = 60_000
const kept = event('[]', { kept: true })

/** The master, by its number, that an outcome is on. */
const masterOf = (prefix: string, key: EventKey): number =>
  Math.floor((slotOf(keyOf(prefix, key)) * cluster.masters.length) / 16_384)
/** An id of name 'n' whose outcome is on this master. */
function idOn(master: number, prefix: string, after = 0): string {
  for (let id = after; ; id++) if (masterOf(prefix, { name: 'n', id: String(id) }) === master) return String(id)
}

test('the slot of a key is what the server says', async () => {
  const keys = ['', 'a', '123456789', 'se:kept:report:42', '{a}b', 'x{a}b', '{}a', '{a', 'a}b{c}', '{{a}}', 'ä€😀', 'x'.repeat(999)]
  for (const key of keys) expect([key, slotOf(key)]).toEqual([key, await admins[0]!.cluster('KEYSLOT', key)])
}) // prettier-ignore

test.each<[string, () => unknown[]]>([
  ['options', () => [{ cluster: seeds() }]],
  ['one node of many, as a URL, and a replica', () => [{ cluster: [cluster.replicas[0]!.url] }]],
  ['a port', () => [{ cluster: [cluster.masters[1]!.port] }]],
  ['a function', () => [() => new Cluster(seeds(), { lazyConnect: true })]],
  ['a function whose Cluster connects by itself', () => [async () => Promise.resolve(new Cluster(seeds()))]],
])('%s: published, heard, kept, recalled and forgotten', async (kind, source) => {
  const { transport, receiver } = make({}, ...source())
  // A name of its own: over the bus, what the last case published may still be under way.
  const keys = Array.from({ length: 50 }, (_, i) => ({ name: kind, id: `${i}` }))
  await transport.subscribe({ name: kind })
  await Promise.all(keys.map((key) => transport.keeper.publish(key, kept, KEEP)))
  await receiver.arrived(keys.at(-1)!.id)
  expect(receiver.ids).toEqual(keys.map(({ id }) => id))
  expect(await transport.keeper.recall(keys)).toEqual(keys.map(() => expect.objectContaining({ body: '[]' })))
  await Promise.all(keys.map((key) => transport.keeper.forget(key)))
  expect(await transport.keeper.recall(keys)).toEqual(keys.map(() => undefined))
  expect(receiver.errors()).toEqual([])
})

test('a Cluster is neither used nor closed', async () => {
  const theirs = new Cluster(seeds(), { redisOptions: { connectionName: 'theirs' } })
  try {
    await theirs.ping()
    const { transport, receiver } = make({}, theirs, { prefix: 'instance:' })
    await transport.subscribe({ name: 'a' })
    await transport.keeper.publish({ name: 'a', id: '1' }, kept, KEEP)
    await receiver.arrived('1')
    await transport.close()
    expect(theirs.status).toBe('ready')
    expect(await theirs.ping()).toBe('PONG')
  } finally {
    theirs.disconnect()
  }
})

test('events of a name arrive in order, kept on three masters or not at all', async () => {
  const { transport, receiver } = make()
  await transport.subscribe({ name: 'n' })
  const ids: string[] = []
  for (let tick = 0; tick < 40; tick++) {
    for (let i = 0; i < 20; i++) {
      const key = { name: 'n', id: `${tick}-${i}` }
      ids.push(key.id)
      const emitted = i % 3 === 0 ? transport.publish(key, event('[]')) : transport.keeper.publish(key, kept, KEEP)
      emitted.catch(() => undefined)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  await receiver.arrived(ids.at(-1)!)
  expect(receiver.ids).toEqual(ids)
})

test('homes: events and what is kept reach the home, whichever node its subscriber hangs on', async () => {
  const prefix = 'homes:'
  const id = '1~AAAAaaaarko'
  const other = `2${id.slice(1)}`
  const waiting = Array.from({ length: 3 }, () => make({ prefix, channels: 'id' }))
  for (const { transport } of waiting) await transport.subscribe({ name: 'n', home: 'AAAAaaaarko' })
  const { transport } = make({ prefix })
  // Until it is known on all nodes.
  await eventually(async () => {
    await transport.publish({ name: 'n', id: other }, event('[]'))
    return waiting.every(({ receiver }) => receiver.ids.includes(other))
  })
  await transport.keeper.publish({ name: 'n', id }, kept, KEEP)
  for (const { receiver } of waiting) await receiver.arrived(id)
  expect(await transport.keeper.recall([{ name: 'n', id }])).toEqual([expect.objectContaining({ body: '[]' })])
})

test('no message precedes its SET', async () => {
  const { transport, receiver } = make({ prefix: 'set:' })
  await transport.subscribe({ name: 'n' })
  for (const [master, admin] of admins.entries()) {
    const key = { name: 'n', id: idOn(master, 'set:') }
    // Its master executes nothing that writes for a while; PUBLISH goes through another one, twice in three.
    await admin.client('PAUSE', 400, 'WRITE')
    const emitted = transport.keeper.publish(key, kept, KEEP)
    await receiver.arrived(key.id)
    expect(await admin.get(keyOf('set:', key))).not.toBeNull()
    await emitted
  }
})

test('a slot that is being moved: what is there already is found, what is not yet is, too', async () => {
  const prefix = '{tag}:'
  const { transport } = make({ prefix })
  const slot = slotOf(prefix)
  const from = Math.floor((slot * 3) / 16_384)
  const to = (from + 1) % 3
  const [source, target] = [admins[from]!, admins[to]!]
  const [fromId, toId] = [await source.cluster('MYID'), await target.cluster('MYID')]
  const key = (id: string): EventKey => ({ name: 'n', id })
  const found = expect.objectContaining({ body: '[]' })
  await transport.keeper.publish(key('stays'), kept, KEEP)
  await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
  await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
  await transport.keeper.publish(key('goes'), kept, KEEP)
  expect(await source.get(keyOf(prefix, key('goes'))).catch(String)).toContain('ASK')
  expect(await transport.keeper.recall(['stays', 'goes', 'none'].map(key))).toEqual([found, found, undefined])
  const { host, port } = cluster.masters[to]!
  await source.call('MIGRATE', host, port, keyOf(prefix, key('stays')), 0, 5_000)
  for (const admin of [target, source, admins.find((one) => one !== target && one !== source)!])
    await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
  expect(await transport.keeper.recall(['stays', 'goes', 'none'].map(key))).toEqual([found, found, undefined])
  await transport.keeper.publish(key('after'), kept, KEEP)
  expect(await target.get(keyOf(prefix, key('after')))).not.toBeNull()
  await transport.keeper.forget(key('goes'))
  expect(await target.get(keyOf(prefix, key('goes')))).toBeNull()
})

describe('through proxies', () => {
  let proxies: FaultProxy[]
  beforeEach(async () => {
    proxies = await Promise.all(cluster.nodes.map((node) => startProxy(node)))
  })
  afterEach(async () => {
    await Promise.all(proxies.map((proxy) => proxy.close()))
  })
  const brisk: RedisTransportOptions = {
    publishTimeout: 400,
    heartbeat: 200,
    connectTimeout: 600,
    subscribeTimeout: 400,
  }
  const through = (options: Record<string, unknown> = {}) =>
    make({
      cluster: proxies.slice(0, 3).map(({ host, port }) => ({ host, port })),
      natMap: Object.fromEntries(
        cluster.nodes.map(({ host, port }, i) => [addressOf(host, port), { host, port: proxies[i]!.port }]),
      ),
      ...brisk,
      ...options,
    })
  /** Which node has a client that has subscribed or, told by what it says, that publishes. */
  const watch = (word: string): (() => number) => {
    let last = -1
    proxies.forEach((proxy, i) => {
      const { filter } = proxy
      proxy.filter = (direction, chunk, connection) => {
        if (direction === 'up' && chunk.includes(word)) last = i
        return filter ? filter(direction, chunk, connection) : chunk
      }
    })
    return () => last
  }

  test('a master that swallows a SET: the emit rejects, and never replaces what came later', async () => {
    const prefix = 'late:'
    const key = { name: 'n', id: idOn(1, prefix) }
    const { transport } = through({ prefix })
    const other = make({ prefix })
    await transport.keeper.publish(key, event('"first"', { kept: true }), KEEP)
    proxies[1]!.blackhole()
    const late = await outcome(transport.keeper.publish(key, event('"late"', { kept: true }), KEEP))
    expect(late).toBeInstanceOf(UncertainError)
    await other.transport.keeper.publish(key, event('"newer"', { kept: true }), KEEP)
    proxies[1]!.heal()
    // The next one on the same master goes through: whatever was held for it would have been written before.
    const next = { name: 'n', id: idOn(1, prefix, Number(key.id) + 1) }
    await eventually(async () => (await outcome(transport.keeper.publish(next, kept, KEEP))) === 'resolved')
    expect(await other.transport.keeper.recall([key])).toEqual([expect.objectContaining({ body: '"newer"' })])
  })

  test('a connection to a master that is lost with a SET in flight: written again, and the emit resolves', async () => {
    const prefix = 'again:'
    const { transport, receiver } = through({ prefix, publishTimeout: 5_000 })
    let cuts = 0
    proxies[2]!.filter = (direction, chunk) => {
      if (direction === 'down' || !/\bset\b/i.test(chunk.toString()) || cuts === 3) return chunk
      cuts++
      proxies[2]!.cut()
      return undefined
    }
    const key = { name: 'n', id: idOn(2, prefix) }
    await transport.keeper.publish(key, kept, KEEP)
    expect(cuts).toBe(3)
    expect(await transport.keeper.recall([key])).toEqual([expect.objectContaining({ body: '[]' })])
    expect(receiver.errors('inputStore').length).toBeGreaterThan(0)
  })

  test('who loses a node connects to another one, each time', async () => {
    // Of two, so that chance would not do.
    const ends = proxies.slice(0, 2).map(({ host, port }) => ({ host, port }))
    const natMap = Object.fromEntries(cluster.nodes.map(({ host, port }, i) => [addressOf(host, port), ends[i % 2]!]))
    const { transport, receiver } = through({ cluster: ends, natMap })
    const at = watch('psubscribe')
    await transport.subscribe({ name: 'n' })
    for (let round = 1; round <= 10; round++) {
      await receiver.up('outputStore', round)
      const last = at()
      proxies[last]!.cut()
      await receiver.up('outputStore', round + 1)
      expect(at()).toBe(1 - last)
    }
  })

  test('while one master is silent, events of the same name that others keep go on, and so do recalls', async () => {
    const prefix = 'others:'
    const { transport, receiver: own } = through({ prefix, publishTimeout: 2_000 })
    const { transport: beside, receiver } = make({ prefix })
    await beside.subscribe({ name: 'n' })
    const key = (master: number, after = 0): EventKey => ({ name: 'n', id: idOn(master, prefix, after) })
    const publishing = watch('publish')
    await Promise.all([0, 1, 2].map((master) => transport.keeper.publish(key(master), kept, KEEP)))
    const silent = (publishing() + 1) % 3
    const living = (silent + 1) % 3
    proxies[silent]!.blackhole()
    const [stuck, free] = [key(silent, 1_000), key(living, 2_000)]
    const [one, two] = [transport.keeper.publish(stuck, kept, KEEP), transport.keeper.publish(free, kept, KEEP)]
    const ends = [outcome(one), outcome(two)]
    expect(await ends[1]).toBe('resolved')
    await receiver.arrived(free.id)
    expect(receiver.ids.slice(-2)).toEqual([stuck.id, free.id])
    expect(await ends[0]).toBeInstanceOf(UncertainError)
    const [there, unknown] = await transport.keeper.recall([key(living), key(silent)])
    expect(there).toMatchObject({ body: '[]' })
    expect(unknown).toBeInstanceOf(Error)
    expect(own.states('inputStore')).toEqual([true])
  })

  test('the subscriber of a node that falls silent, then is refused, goes to another one; so does the publisher', async () => {
    const { transport, receiver } = through()
    const [subscribed, published] = [watch('psubscribe'), watch('publish')]
    await transport.subscribe({ name: 'n' })
    await receiver.up('outputStore')
    const first = subscribed()
    proxies[first]!.blackhole()
    await receiver.up('outputStore', 2)
    expect(subscribed()).not.toBe(first)
    proxies[first]!.heal()
    const second = subscribed()
    proxies[second]!.refuse()
    proxies[second]!.cut()
    await receiver.up('outputStore', 3)
    expect(subscribed()).not.toBe(second)
    await proxies[second]!.accept()

    await transport.publish({ name: 'n', id: '1' }, event('[]'))
    const home = published()
    proxies[home]!.blackhole()
    // Sent again to another node; of the little time that it has here, a busy machine may leave it none.
    await outcome(transport.publish({ name: 'n', id: '2' }, event('[]')))
    await receiver.up('inputStore', 2)
    await transport.publish({ name: 'n', id: '3' }, event('[]'))
    expect(published()).not.toBe(home)
    // The subscriber may have come to the same node: what is published before its heartbeat finds out is missed.
    if (subscribed() === home) await receiver.up('outputStore', 4)
    await transport.publish({ name: 'n', id: '4' }, event('[]'))
    await receiver.arrived('4')
  })
})

describe.each(['name', 'id'] as const)('channels %p', (channels) => {
  const name = 'n'
  const topics = (ids: readonly string[]): Topic[] => (channels === 'id' ? ids.map((id) => ({ name, id })) : [{ name }])
  const subscribe = async (transport: RedisTransport, ids: readonly string[]): Promise<void> => {
    await Promise.all(topics(ids).map((topic) => transport.subscribe(topic)))
  }

  test('what is published on one node is heard on each, in order and once, kept or not', async () => {
    const prefix = `each-${channels}:`
    const ids = Array.from({ length: 200 }, (_, i) => `${i}`)
    const heard = await Promise.all(
      cluster.nodes.map(async ({ host, port }, node) => {
        const { transport, receiver } = make({ cluster: [{ host, port }], prefix, channels })
        await subscribe(transport, ids)
        // Beside its waits, of some.
        if (node % 2 === 0 && channels === 'id') await transport.subscribe({ name })
        return receiver
      }),
    )
    const { transport } = make({ prefix, channels })
    // Two in a tick go through Storing in different ways.
    for (let i = 0; i < ids.length; i += 2) {
      const [one, two] = [ids[i]!, ids[i + 1]!]
      const emits = [transport.keeper.publish({ name, id: one }, kept, KEEP), transport.publish({ name, id: two }, event('[]'))] // prettier-ignore
      if (i % 20 === 0) await Promise.all(emits)
      else for (const emit of emits) emit.catch(() => undefined)
    }
    for (const receiver of heard) {
      await receiver.arrived(ids.at(-1)!)
      expect(receiver.ids).toEqual(ids)
      expect(receiver.errors()).toEqual([])
    }
    expect(
      await transport.keeper.recall([
        { name, id: '0' },
        { name, id: '1' },
      ]),
    ).toEqual([expect.objectContaining({ body: '[]' }), undefined])
  })

  test('whoever loses the node hears through another one, and no subscription stays behind', async () => {
    const ids = Array.from({ length: 1_000 }, (_, i) => `${i}`)
    const prefix = `lost-${channels}:`
    const { transport, receiver } = make({ prefix, channels })
    const { transport: emitter } = make({ prefix, channels })
    await subscribe(transport, ids)
    await receiver.up('outputStore')
    const clients = cluster.nodes.map(({ port }) => new Redis(port))
    /** How many channels there are at each node. */
    const standing = async (): Promise<number[]> => {
      const all = await Promise.all(clients.map((one) => one.call('PUBSUB', 'CHANNELS', `${prefix}*`)))
      return (all as string[][]).map(({ length }) => length)
    }
    const total = async (): Promise<number> => (await standing()).reduce((sum, count) => sum + count)
    try {
      for (let round = 1; round <= 3; round++) {
        const at = (await standing()).findIndex((count) => count > 0)
        await clients[at]!.client('KILL', 'TYPE', 'pubsub')
        await receiver.up('outputStore', round + 1)
        expect(await total()).toBe(topics(ids).length)
        expect((await standing())[at]).toBe(0)
        await emitter.publish({ name, id: `${round}` }, event('[]'))
        await receiver.arrived(`${round}`)
      }
      await Promise.all(topics(ids).map((topic) => transport.unsubscribe(topic)))
      expect(await total()).toBe(0)
    } finally {
      for (const one of clients) one.disconnect()
    }
  })

  test('a user with one glob for all names', async () => {
    const rules = 'on >secret resetkeys resetchannels -@all &glob:* ~glob:kept:*'
    const commands = '+publish +subscribe +unsubscribe +ping +info +set +get +del +cluster|slots +asking'
    for (const node of cluster.nodes) {
      const admin = new Redis(node.port)
      await admin.call('ACL', 'SETUSER', 'glob', ...`${rules} ${commands}`.split(' '))
      admin.disconnect()
    }
    const { transport, receiver } = make({ username: 'glob', password: 'secret', prefix: 'glob:', channels })
    await subscribe(transport, ['1'])
    await transport.keeper.publish({ name, id: '1' }, kept, KEEP)
    await receiver.arrived('1')
    await Promise.all(topics(['1']).map((topic) => transport.unsubscribe(topic)))
    expect(receiver.errors()).toEqual([])
  })
})

test('a user who may do what the README says, and no more', async () => {
  const rules = 'on >secret resetkeys resetchannels -@all &least:n:* &least:n: ~least:kept:*'
  const commands = '+publish +psubscribe +punsubscribe +ping +info +set +get +del +cluster|slots +asking'
  for (const node of cluster.nodes) {
    const admin = new Redis(node.port)
    await admin.call('ACL', 'SETUSER', 'least', ...`${rules} ${commands}`.split(' '))
    admin.disconnect()
  }
  const { transport, receiver } = make({ username: 'least', password: 'secret', prefix: 'least:' })
  await transport.subscribe({ name: 'n' })
  for (const master of [0, 1, 2]) {
    const key = { name: 'n', id: idOn(master, 'least:') }
    await transport.keeper.publish(key, kept, KEEP)
    await receiver.arrived(key.id)
    expect(await transport.keeper.recall([key])).toEqual([expect.objectContaining({ body: '[]' })])
    await transport.keeper.forget(key)
  }
  expect(receiver.errors()).toEqual([])
})

test('a user who may not ask where slots are: events go through, nothing is kept, and it says so', async () => {
  for (const node of cluster.nodes) {
    const admin = new Redis(node.port)
    await admin.acl('SETUSER', 'poor', 'on', '>secret', 'allkeys', 'allchannels', '+@all', '-cluster')
    admin.disconnect()
  }
  const { transport, receiver } = make({ username: 'poor', password: 'secret', publishTimeout: 2_000 })
  await transport.subscribe({ name: 'n' })
  const error = await outcome(transport.keeper.publish({ name: 'n', id: '1' }, kept, KEEP))
  expect(error).toBeInstanceOf(NotKeptError)
  expect((error as Error).message).toContain('NOPERM')
  await receiver.arrived('1')
  expect(await transport.keeper.recall([{ name: 'n', id: '1' }])).toEqual([
    expect.objectContaining({ code: 'ERR_FORBIDDEN' }),
  ])
})

test('a node that leaves hears nothing any more: it is left, and not chosen again', async () => {
  const spare = await startRedis({ args: ['--cluster-enabled', 'yes'] })
  const [admin, lonely] = [admins[0]!, new Redis(spare.port)]
  try {
    // One that never belonged to it.
    const { receiver: mistaken, transport: wrong } = make({ cluster: [spare.port], prefix: 'wrong:', heartbeat: 1_000 })
    void outcome(wrong.subscribe({ name: 'n' }))
    await eventually(() => mistaken.errors('outputStore').length > 1)
    expect(mistaken.errors()[0]!.message).toContain('not a node of a Cluster')

    // One that does, for a while.
    await lonely.call('CLUSTER', 'MEET', cluster.masters[0]!.host, cluster.masters[0]!.port)
    const master = await admin.cluster('MYID')
    await eventually(() => lonely.call('CLUSTER', 'REPLICATE', master))
    await eventually(async () => String(await admin.cluster('SLOTS')).includes(String(spare.port)))
    const { transport: there, receiver: heard } = make({ cluster: [spare.port], prefix: 'left:', heartbeat: 100 })
    const patterns = async (): Promise<number> => Number(await lonely.call('PUBSUB', 'NUMPAT'))
    // Until it is this node that it happens to be connected to.
    await there.subscribe({ name: 'n' })
    await eventually(
      async () => {
        if ((await patterns()) > 0) return true
        for (const { port } of cluster.nodes) {
          const one = new Redis(port)
          await one.client('KILL', 'TYPE', 'pubsub')
          one.disconnect()
        }
        return false
      },
      { timeout: 20_000, interval: 200 },
    )
    const id = await lonely.cluster('MYID')
    await lonely.call('CLUSTER', 'RESET', 'SOFT')
    for (const { port } of cluster.nodes) {
      const one = new Redis(port)
      await one.call('CLUSTER', 'FORGET', id).catch(() => undefined)
      one.disconnect()
    }
    await eventually(async () => (await patterns()) === 0)
    await eventually(() => heard.isUp('outputStore'))
    await admin.publish('left:n:', 'se2\ne1\t\t[]')
    await heard.arrived('1')
  } finally {
    lonely.disconnect()
    await spare.stop()
  }
})

test('closed while masters are away and emits are held: bounded, and all of them settle', async () => {
  const { transport } = make({ prefix: 'close:', connectionName: 'closing' })
  const key = { name: 'n', id: idOn(0, 'close:') }
  for (const master of [0, 1, 2]) await transport.keeper.publish({ name: 'n', id: idOn(master, 'close:') }, kept, KEEP)
  const connected = async (): Promise<boolean> =>
    (await Promise.all(admins.map((admin) => admin.client('LIST')))).some((list) => String(list).includes('closing'))
  expect(await connected()).toBe(true)
  cluster.masters[0]!.pause()
  try {
    const held = outcome(transport.keeper.publish(key, kept, KEEP))
    const asked = transport.keeper.recall([key])
    await transport.close()
    expect(await held).toMatchObject({ code: expect.stringMatching(/^ERR_(CLOSED|UNCERTAIN)$/) })
    expect(await asked).toEqual([expect.any(Error)])
  } finally {
    cluster.masters[0]!.resume()
  }
  await eventually(async () => !(await connected()))
})
