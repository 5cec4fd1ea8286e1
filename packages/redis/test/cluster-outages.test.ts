import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import { ConnectionError, NotKeptError, UncertainError } from 'server-events'
import type { EventKey } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import { eventually, startCluster, startProxy } from '@server-events/testing'
import type { FaultProxy, RedisCluster } from '@server-events/testing'
import { addressOf, slotOf } from '../src/cluster/topology'
import { keyOf } from '../src/outcomes/key'
import { attached, event, outcome } from './support'

let cluster: RedisCluster
let admins: Redis[]
let proxies: FaultProxy[]
beforeAll(async () => {
  cluster = await startCluster({ nodeTimeout: 15_000 })
  admins = cluster.nodes.map(({ port }) => new Redis(port))
}, 60_000)
afterAll(async () => {
  for (const admin of admins) admin.disconnect()
  await cluster.stop()
})
beforeEach(async () => {
  proxies = await Promise.all(cluster.nodes.map((node) => startProxy(node)))
})
afterEach(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()))
})

const KEEP = 60_000
const kept = event('[]', { kept: true })
const found = expect.objectContaining({ body: '[]' })

let prefixes = 0
/** Its connections go through the proxies. */
function make(options: Record<string, unknown> = {}) {
  const prefix = `p${++prefixes}:`
  const ends = cluster.nodes.map(({ host, port }, i) => [addressOf(host, port), { host, port: proxies[i]!.port }])
  const source = { cluster: proxies.slice(0, 3).map(({ port }) => port), natMap: Object.fromEntries(ends), prefix }
  const made = attached(new RedisTransport({ ...source, ...options }))
  return { ...made, prefix }
}
/** One that hears, and has nothing to do with the proxies. */
async function hearing(prefix: string) {
  const { transport, receiver } = attached(new RedisTransport({ cluster: [cluster.replicas[2]!.port], prefix }))
  await transport.subscribe({ name: 'n' })
  return receiver
}

/** A key whose outcome is on this master. */
function keyOn(master: number, prefix: string, after = 0): EventKey {
  for (let id = after; ; id++) {
    const key = { name: 'n', id: `${id}` }
    if (Math.floor((slotOf(keyOf(prefix, key)) * 3) / 16_384) === master) return key
  }
}

/** Of the connections that are open now nothing arrives any more, and nobody is told; new ones are not concerned. */
function forget(): void {
  for (const proxy of proxies) {
    const last = proxy.accepted
    proxy.filter = (_, chunk, connection) => (connection <= last ? undefined : chunk)
  }
}

test('flows that were forgotten while all was idle: what is emitted and asked next is answered in time', async () => {
  for (let round = 0; round < 3; round++) {
    // No heartbeat finds out before.
    const { transport, receiver, prefix } = make({ publishTimeout: 3_000, heartbeat: 60_000 })
    const heard = await hearing(prefix)
    const keys = [0, 1, 2].map((master) => keyOn(master, prefix))
    await Promise.all(keys.map((key) => transport.keeper.publish(key, kept, KEEP)))
    forget()
    const next = [0, 1, 2].map((master) => keyOn(master, prefix, 100_000))
    const emits = next.map((key) => outcome(transport.keeper.publish(key, kept, KEEP)))
    const plain = { name: 'n', id: 'plain' }
    const all = await Promise.all([...emits, outcome(transport.publish(plain, event('[]')))])
    expect(all).toEqual(Array.from({ length: 4 }, () => 'resolved'))
    await heard.arrived('plain')
    for (const { id } of next) await heard.arrived(id)
    forget()
    expect(await transport.keeper.recall([...keys, ...next])).toEqual([...keys, ...next].map(() => found))
    expect(receiver.errors('inputStore').length).toBeLessThan(20)
    await transport.close()
  }
}, 60_000)

test.each([
  ['looked up', (transport: RedisTransport, key: EventKey) => transport.keeper.recall([key])],
  ['removed', (transport: RedisTransport, key: EventKey) => transport.keeper.forget(key)],
])(
  'a flow that was forgotten is found although masters answer what is %s meanwhile: emits go out on another one',
  async (_, ask) => {
    const { transport, prefix } = make({ publishTimeout: 2_000, heartbeat: 60_000 })
    const heard = await hearing(prefix)
    await transport.keeper.publish(keyOn(0, prefix), kept, KEEP)
    forget()
    const asking = setInterval(() => void [0, 1, 2].map((on) => outcome(ask(transport, keyOn(on, prefix, 1_000)))), 100)
    // So that masters answer again, on connections of their own.
    await eventually(async () => (await outcome(transport.keeper.forget(keyOn(0, prefix)))) === 'resolved')
    const emitted = { name: 'n', id: 'emitted' }
    expect(await outcome(transport.publish(emitted, event('[]')))).toBe('resolved')
    clearInterval(asking)
    await heard.arrived('emitted')
  },
)

test('the connections for keys are kept warm: one that idles is asked, and replaced before it is needed', async () => {
  const { transport, receiver, prefix } = make({ heartbeat: 300, publishTimeout: 4_000 })
  const keys = [0, 1, 2].map((master) => keyOn(master, prefix))
  await Promise.all(keys.map((key) => transport.keeper.publish(key, kept, KEEP)))
  const pings = proxies.slice(0, 3).map(() => 0)
  proxies.slice(0, 3).forEach((proxy, i) => {
    proxy.filter = (direction, chunk) => {
      if (direction === 'up' && chunk.includes('ping')) pings[i]!++
      return chunk
    }
  })
  await eventually(() => pings.every((count) => count >= 3))
  expect(receiver.errors()).toEqual([])
  const accepted = proxies.map((proxy) => proxy.accepted)
  forget()
  await eventually(() => proxies.slice(0, 3).every((proxy, i) => proxy.accepted > accepted[i]!))
  await eventually(async () => (await transport.keeper.recall(keys)).every((one) => !(one instanceof Error)))
  expect(await transport.keeper.recall(keys)).toEqual(keys.map(() => found))
})

/** Passes on what a server says in drops of 4 KiB. */
async function startDripping(port: number): Promise<{ port: number; accepted: number; close: () => void }> {
  const dripping = { port: 0, accepted: 0, close: (): void => undefined }
  const server = createServer((client) => {
    dripping.accepted++
    const upstream = connect(port, '127.0.0.1')
    client.pipe(upstream)
    let queue = Buffer.alloc(0)
    upstream.on('data', (chunk: Buffer) => (queue = Buffer.concat([queue, chunk])))
    const timer = setInterval(() => {
      if (queue.length > 0) client.write(queue.subarray(0, 4_096))
      queue = queue.subarray(4_096)
    }, 50)
    for (const socket of [client, upstream])
      socket
        .on('error', () => undefined)
        .on('close', () => {
          clearInterval(timer)
          client.destroy()
          upstream.destroy()
        })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  dripping.port = (server.address() as AddressInfo).port
  dripping.close = () => server.close()
  return dripping
}

test('an outcome that takes longer to arrive than a silent master is given', async () => {
  const dripping = await startDripping(cluster.masters[1]!.port)
  try {
    const natMap = { [`127.0.0.1:${cluster.masters[1]!.port}`]: { host: '127.0.0.1', port: dripping.port } }
    const cluster1 = [cluster.masters[0]!.port]
    const { transport, receiver, prefix } = make({
      natMap,
      cluster: cluster1,
      publishTimeout: 3_000,
      heartbeat: 60_000,
    })
    const key = keyOn(1, prefix)
    const body = JSON.stringify(['x'.repeat(60_000)])
    await transport.keeper.publish(key, event(body, { kept: true }), KEEP)
    const { accepted } = dripping
    // 750 ms, with nothing whole in between.
    expect(await transport.keeper.recall([key])).toEqual([expect.objectContaining({ body })])
    expect(dripping.accepted).toBe(accepted)
    expect(receiver.errors()).toEqual([])
  } finally {
    dripping.close()
  }
})

test('an outcome that takes longer to arrive than it may take to ask, also if another master is silent', async () => {
  const { transport, receiver, prefix } = make({ publishTimeout: 800, heartbeat: 60_000 })
  const [slow, silent] = [keyOn(1, prefix), keyOn(2, prefix)]
  const body = JSON.stringify(['x'.repeat(120_000)])
  await transport.keeper.publish(slow, event(body, { kept: true }), KEEP)
  await transport.keeper.publish(silent, kept, KEEP)
  // Two seconds.
  proxies[1]!.bytesPerSecond = 60_000
  proxies[2]!.blackhole()
  const { accepted } = proxies[1]!
  expect(await transport.keeper.recall([slow, silent])).toEqual([
    expect.objectContaining({ body }),
    expect.any(ConnectionError),
  ])
  expect(proxies[1]!.accepted).toBe(accepted)
  expect(receiver.states('inputStore')).toEqual([true])
})

test('a master that cannot be reached: published and not stored is what is said, in time', async () => {
  const { transport, prefix } = make({ publishTimeout: 800 })
  const heard = await hearing(prefix)
  await transport.keeper.publish(keyOn(0, prefix), kept, KEEP)
  proxies[2]!.refuse()
  proxies[2]!.cut()
  const key = keyOn(2, prefix)
  const error = await outcome(transport.keeper.publish(key, kept, KEEP))
  expect(error).toBeInstanceOf(NotKeptError)
  expect((error as Error).message).toContain('could not be reached')
  await heard.arrived(key.id)
  await proxies[2]!.accept()
  expect(await transport.keeper.recall([keyOn(0, prefix)])).toEqual([found])
})

test('what may have been stored is not called not kept', async () => {
  const { transport, prefix } = make({ publishTimeout: 800 })
  const key = keyOn(2, prefix)
  await transport.keeper.publish(key, kept, KEEP)
  // The SET arrives, and its answer does not; after that nobody is let in.
  proxies[2]!.filter = (direction, chunk) => {
    if (direction === 'up' && /\bset\b/i.test(chunk.toString())) proxies[2]!.refuse()
    return direction === 'down' ? undefined : chunk
  }
  expect(await outcome(transport.keeper.publish(key, kept, KEEP))).toMatchObject({ code: 'ERR_UNCERTAIN' })
})

/** Puts another answer in the place of that to a command of one key. */
function answerWith(text: string, count: { asked: number }, until: () => boolean, command: RegExp): void {
  for (const proxy of proxies) {
    const owing = new Map<number, string>()
    proxy.filter = (direction, chunk, connection) => {
      if (direction === 'up') {
        if (!command.test(chunk.toString()) || until()) return chunk
        count.asked++
        owing.set(connection, chunk.includes('asking') ? '+OK\r\n' : '')
        return chunk
      }
      const before = owing.get(connection)
      if (before === undefined) return chunk
      owing.delete(connection)
      return Buffer.from(`${before}-${text}\r\n`)
    }
  }
}

const refusals = ['TRYAGAIN Multiple keys', 'CLUSTERDOWN Hash slot not served', 'CLUSTERDOWN The cluster is down',
  'LOADING Redis is loading', 'MASTERDOWN Link with MASTER is down', 'READONLY You can\'t write', 'BUSY Redis is busy',
  'ERR CLUSTERDOWN the cluster is down', 'ERR MOVED', 'MOVED 1 127.0.0.1:0', 'ASK 1 nowhere', 'MOVED 1 :'] // prettier-ignore
test.each(refusals)('%s, for a while: what was asked and kept is asked and kept again', async (text) => {
  const { transport, receiver, prefix } = make({ publishTimeout: 3_000 })
  const key = keyOn(0, prefix)
  await transport.keeper.publish(key, kept, KEEP)
  const count = { asked: 0 }
  answerWith(text, count, () => count.asked >= 3, /\bget\b/)
  expect(await transport.keeper.recall([key])).toEqual([found])
  expect(count.asked).toBe(3)
  count.asked = 0
  const next = keyOn(0, prefix, 10_000)
  answerWith(text, count, () => count.asked >= 3, /\bset\b/)
  await transport.keeper.publish(next, kept, KEEP)
  expect(await transport.keeper.recall([next])).toEqual([found])
  count.asked = 0
  answerWith(text, count, () => count.asked >= 3, /\bdel\b/)
  await transport.keeper.forget(next)
  expect(await transport.keeper.recall([next])).toEqual([undefined])
  expect(receiver.errors()).toEqual([])
})

test.each(['MOVED 1 127.0.0.1:', 'ASK 1 127.0.0.1:', 'ERR MOVED 1 127.0.0.1:'])(
  '%s, for ever and in circles: no storm, and a bounded answer',
  async (text) => {
    const { transport, prefix } = make({ publishTimeout: 1_500 })
    const heard = await hearing(prefix)
    const key = keyOn(0, prefix)
    await transport.keeper.publish(key, kept, KEEP)
    const count = { asked: 0 }
    answerWith(`${text}${cluster.masters[1]!.port}`, count, () => false, /\bset\b/)
    const next = keyOn(0, prefix, 10_000)
    // The second one if its time is up while it is being tried.
    const ends = expect.stringMatching(/^ERR_(NOT_KEPT|UNCERTAIN)$/)
    expect(await outcome(transport.keeper.publish(next, kept, KEEP))).toMatchObject({ code: ends })
    await heard.arrived(next.id)
    // At first three, then one in 75 ms at most.
    expect(count.asked).toBeLessThan(3 + 1_500 / 75)
  },
)

test.each([undefined, () => 'other' as const])(
  'an emit that makes its master hang up is given up after a few connections, and takes no other one with it; once: %p',
  async (once) => {
    const { transport, receiver, prefix } = make()
    await Promise.all(admins.map((admin) => admin.config('SET', 'client-query-buffer-limit', '1mb')))
    const ids = (id: number): EventKey => keyOn(1, prefix, 1_000 * id)
    await transport.keeper.publish(ids(0), kept, KEEP, once)
    const poison = { name: 'poison', id: keyOn(1, prefix).id }
    const given = outcome(transport.keeper.publish(poison, event('x'.repeat(3_000_000)), KEEP, once))
    const others: Promise<unknown>[] = []
    for (let id = 1; id < 100; id++) {
      others.push(outcome(transport.keeper.publish(ids(id), kept, KEEP, once)))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const refused = await given
    expect(refused).toBeInstanceOf(UncertainError)
    expect(String(refused)).toMatch(/event "poison" with id "\d+" was not acknowledged on any connection/)
    expect(new Set(await Promise.all(others))).toEqual(new Set(['resolved']))
    expect(receiver.errors('inputStore').length).toBeLessThan(20)
    await Promise.all(admins.map((admin) => admin.config('SET', 'client-query-buffer-limit', '1gb')))
  },
)

test('a slot that nobody serves, for a while', async () => {
  const { transport, prefix } = make({ publishTimeout: 4_000 })
  const key = keyOn(1, prefix)
  await transport.keeper.publish(key, kept, KEEP)
  const slot = slotOf(keyOf(prefix, key))
  await admins[1]!.call('CLUSTER', 'DELSLOTS', slot)
  const [asked, kept2] = [transport.keeper.recall([key]), outcome(transport.keeper.publish(key, kept, KEEP))]
  await eventually(async () => (await admins[1]!.info('errorstats')).includes('CLUSTERDOWN'))
  await admins[1]!.call('CLUSTER', 'ADDSLOTS', slot)
  expect(await asked).toEqual([found])
  expect(await kept2).toBe('resolved')
})

test('publishing and subscribing on replicas reaches everybody, and a master that is demoted changes nothing', async () => {
  const at = (node: number, prefix: string) =>
    attached(new RedisTransport({ cluster: [cluster.nodes[node]!.port], prefix }))
  const prefix = 'replicas:'
  // The first connection of each is to its seed: a replica, and the master that is demoted.
  const [emitting, waiting, emitting2, waiting2] = [at(3, prefix), at(4, prefix), at(0, prefix), at(0, prefix)]
  await waiting.transport.subscribe({ name: 'n' })
  await waiting2.transport.subscribe({ name: 'n' })
  await Promise.all([emitting.transport.connect(), emitting2.transport.connect()])
  const patterns = async (node: number): Promise<number> => Number(await admins[node]!.call('PUBSUB', 'NUMPAT'))
  expect([await patterns(4), await patterns(0)]).toEqual([1, 1])
  const round = async (tag: string): Promise<void> => {
    for (const { transport } of [emitting, emitting2]) {
      const keys = [0, 1, 2].map((master) => keyOn(master, prefix, Number(`${tag}00000`)))
      await Promise.all(keys.map((key) => transport.keeper.publish(key, kept, KEEP)))
      for (const { receiver } of [waiting, waiting2]) for (const { id } of keys) await receiver.arrived(id)
      expect(await transport.keeper.recall(keys)).toEqual(keys.map(() => found))
    }
  }
  await round('1')
  const isMaster = async (node: number): Promise<boolean> => (await admins[node]!.info('replication')).includes('role:master')
  for (const [heir, master] of [[3, 0], [4, 1]] as const) {
    await admins[heir]!.call('CLUSTER', 'FAILOVER')
    await eventually(async () => (await isMaster(heir)) && !(await isMaster(master)), { timeout: 15_000 })
    await round(`${heir + 2}`)
  }
  for (const { receiver } of [waiting, waiting2]) expect(receiver.states('outputStore')).toEqual([true])
  for (const { receiver } of [emitting, emitting2]) expect(receiver.states('inputStore')).toEqual([true])
}, 60_000) // prettier-ignore

test('a master that refuses the credentials that the others accept is tried as one that is away is, and told of per attempt', async () => {
  // Both of that shard: which of them is the master is left open by the tests before.
  const shard = [1, 4]
  const accepted = (): number => shard.reduce((sum, node) => sum + proxies[node]!.accepted, 0)
  for (const [node, admin] of admins.entries())
    await admin.acl('SETUSER', 'some', 'on', shard.includes(node) ? '>other' : '>secret', '&*', '~*', '+@all')
  try {
    const cluster = [0, 2].map((node) => proxies[node]!.port)
    const user = { username: 'some', password: 'secret' }
    const { transport, receiver, prefix } = make({ cluster, ...user, publishTimeout: 3_000 })
    const before = accepted()
    expect(await outcome(transport.keeper.publish(keyOn(1, prefix), kept, KEEP))).toBeInstanceOf(NotKeptError)
    const attempts = accepted() - before
    expect(receiver.errors('inputStore').length).toBeLessThanOrEqual(attempts)
    for (const node of shard) await admins[node]!.acl('SETUSER', 'some', '>secret')
    const key = keyOn(1, prefix, 1_000)
    await eventually(async () => (await outcome(transport.keeper.publish(key, kept, KEEP))) === 'resolved')
    expect(await transport.keeper.recall([key])).toEqual([found])
  } finally {
    for (const admin of admins) await admin.acl('DELUSER', 'some')
  }
})
