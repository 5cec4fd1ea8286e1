import Redis from 'ioredis'
import { RedisTransport, type RedisTransportOptions } from '@server-events/redis'
import { eventually, startCluster, type RedisCluster, type RedisServer } from '@server-events/testing'
import { slotOf } from '../../packages/redis/src/cluster/topology'
import { password } from './support/complaints'
import { brisk, everything } from './support/options'
import { playUpheaval, type Upheaval } from './support/several'

const PATIENT = { timeout: 30_000, interval: 50 }

let cluster: RedisCluster
let started: RedisCluster | undefined
const clients: Redis[] = []
beforeEach(async () => {
  cluster = started = await startCluster({ password })
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect()
  await started?.stop()
  started = undefined
})

function admin({ port }: RedisServer): Redis {
  const client = new Redis({ port, password, retryStrategy: () => 100 })
  client.on('error', () => undefined)
  clients.push(client)
  return client
}

function transport(prefix: string, more: RedisTransportOptions = {}): RedisTransport {
  const [one, two] = cluster.masters.map(({ host, port }) => ({ host, port }))
  return new RedisTransport({ cluster: [one!, two!], password, prefix, ...brisk, ...more })
}

const isMaster = async (client: Redis): Promise<boolean> => (await client.info('replication')).includes('role:master')

async function subscribersNode(): Promise<number> {
  const counts = await Promise.all(
    cluster.nodes.map(admin).map(async (node) => {
      const channels = (await node.call('PUBSUB', 'CHANNELS')) as string[]
      return Number(await node.call('PUBSUB', 'NUMPAT')) + channels.length
    }),
  )
  return counts.findIndex((count) => count > 0)
}

const killedMaster = (): Upheaval => ({
  title: 'Cluster: kill -9 of a master, which comes back as a replica',
  transport: () => transport('se:'),
  lasts: 4_000,
  strike: async () => {
    await cluster.masters[0]!.kill()
    const heir = admin(cluster.replicas[0]!)
    await eventually(() => isMaster(heir), PATIENT)
    await cluster.masters[0]!.restart()
  },
})

const frozenNode = (): Upheaval => ({
  title: "Cluster: freeze of the subscriber's node",
  transport: () => transport('se:'),
  lasts: 4_000,
  strike: async (waiting) => {
    const { interruptions } = waiting.stats().outputStore
    const at = await subscribersNode()
    const node = cluster.nodes[at]!
    node.pause()
    await eventually(() => waiting.stats().outputStore.interruptions > interruptions, PATIENT)
    await eventually(() => waiting.stats().outputStore.connected, PATIENT)
    // Of a replica nothing more is seen.
    const heir = cluster.replicas[cluster.masters.indexOf(node)]
    if (heir) await eventually(() => isMaster(admin(heir)), PATIENT)
    node.resume()
  },
})

/** There and back, with all outcomes in it. */
const migratedSlot = (): Upheaval => ({
  title: 'Cluster: migration of the slot in which all outcomes are, there and back',
  transport: () => transport('{job}:'),
  lasts: 2_000,
  strike: async () => {
    const slot = slotOf('{job}:')
    const from = Math.floor((slot * 3) / 16_384)
    const to = (from + 1) % 3
    await migrate(slot, from, to)
    await migrate(slot, to, from)
  },
})

async function migrate(slot: number, from: number, to: number): Promise<void> {
  const masters = cluster.masters.map(admin)
  const [source, target] = [masters[from]!, masters[to]!]
  const [fromId, toId] = [await source.cluster('MYID'), await target.cluster('MYID')]
  await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
  await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
  const { host, port } = cluster.masters[to]!
  for (;;) {
    const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 20)) as string[]
    if (keys.length === 0) break
    await source.call('MIGRATE', host, port, '', 0, 5_000, 'AUTH', password, 'KEYS', ...keys)
  }
  for (const master of [target, source, ...masters.filter((one) => one !== source && one !== target)])
    await master.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
}

const faults: readonly [string, () => Upheaval][] = [
  ['kill of a master', killedMaster],
  ["freeze of the subscriber's node", frozenNode],
  ['a slot migration', migratedSlot],
]

describe('a Cluster, kept waits pending, events going on: lost is only what Redis itself lost', () => {
  test.each(faults)('%s', async (_, fault) => {
    const { problems } = await playUpheaval(fault())
    expect(problems).toEqual([])
  })
})

if (everything) {
  // With 'id' the waiting side listens to no name, so that its waits alone have to hear.
  test.each([
    { channels: 'name', listen: ['job'], what: 'kill of a master', fault: killedMaster },
    { channels: 'name', listen: ['job'], what: "freeze of the subscriber's node", fault: frozenNode },
    { channels: 'id', listen: [], what: "freeze of the subscriber's node", fault: frozenNode },
  ] as const)(
    'channels $channels, kept waits, $what: lost is only what Redis itself lost',
    async ({ channels, listen, fault }) => {
      const upheaval = fault()
      const { problems } = await playUpheaval({
        ...upheaval,
        title: `${upheaval.title}, channels ${channels}`,
        listen,
        transport: () => transport('se:', { channels }),
      })
      expect(problems).toEqual([])
    },
  )

  test.each(faults)('plain waits, %s: what was missed runs to its timeout', async (_, fault) => {
    const upheaval = fault()
    const { problems } = await playUpheaval({ ...upheaval, title: `${upheaval.title}, plain`, kept: false })
    expect(problems).toEqual([])
  })

  test("a control: without recalls, the freeze of the subscriber's node loses events that Redis still has", async () => {
    let problems: readonly string[] = []
    // On a busy machine the emitters may be away for as long as the others are deaf: then there is nothing to lose.
    for (let round = 1; round <= 3 && problems.length === 0; round++)
      ({ problems } = await playUpheaval({
        ...frozenNode(),
        title: 'Cluster: control, no recall',
        recall: false,
        // Deaf for longer than an emitter that may have used the same node is mute.
        transport: (who) => transport('se:', who === 'waiting' ? { heartbeat: 1_500 } : {}),
      }))
    expect(problems).toEqual([expect.stringMatching(/^\d+ lost$/)])
  })
}
