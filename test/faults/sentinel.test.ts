import Redis from 'ioredis'
import { RedisTransport } from '@server-events/redis'
import { eventually, startSentinels, type RedisSentinels, type RedisServer } from '@server-events/testing'
import { ServerEvents } from 'server-events'
import * as clientOptions from '../../packages/redis/src/client/options'
import { password } from './support/complaints'
import { brisk, everything, keep } from './support/options'
import { playUpheaval, type Upheaval } from './support/several'

const PATIENT = { timeout: 30_000, interval: 50 }

let group: RedisSentinels
let started: RedisSentinels | undefined
const clients: Redis[] = []
beforeEach(async () => {
  group = started = await startSentinels({ password })
})
afterEach(async () => {
  jest.restoreAllMocks()
  for (const client of clients.splice(0)) client.disconnect()
  await started?.stop()
  started = undefined
})

function admin({ port }: RedisServer, secret = true): Redis {
  const client = new Redis({ port, ...(secret && { password }), retryStrategy: () => 100 })
  client.on('error', () => undefined)
  clients.push(client)
  return client
}

function transport(connectionName: string, more: object = {}): RedisTransport {
  const sentinels = group.sentinels.map(({ host, port }) => ({ host, port }))
  return new RedisTransport({ sentinels, name: group.name, password, connectionName, ...brisk, ...more })
}

const isMaster = async (client: Redis): Promise<boolean> => (await client.info('replication')).includes('role:master')
/** How many connections of that name a server has. */
const connections = async (client: Redis, name: string): Promise<number> =>
  String(await client.client('LIST')).split(`name=${name} `).length - 1
const failover = (): Promise<unknown> => admin(group.sentinels[0]!, false).call('SENTINEL', 'FAILOVER', group.name)

/** Resolves when the waiting process is served by the new master, and by nothing else. */
async function moved(waiting: ServerEvents): Promise<void> {
  const heir = admin(group.servers[1])
  await eventually(() => isMaster(heir), PATIENT)
  await eventually(async () => (await connections(heir, 'waiting')) === 2, PATIENT)
  await eventually(() => waiting.stats().inputStore.connected && waiting.stats().outputStore.connected, PATIENT)
}

const killed = (): Upheaval => ({
  title: 'Sentinel: kill -9 of the master, which comes back as a replica',
  transport,
  lasts: 4_000,
  strike: async (waiting) => {
    await group.servers[0].kill()
    await moved(waiting)
    await group.servers[0].restart()
  },
})

const planned = (): Upheaval => ({
  title: 'Sentinel: planned failover',
  transport,
  lasts: 4_000,
  strike: async (waiting) => {
    await failover()
    await moved(waiting)
  },
})

const frozen = (): Upheaval => ({
  title: 'Sentinel: SIGSTOP of the master, then SIGCONT',
  transport,
  lasts: 5_000,
  strike: async (waiting) => {
    group.servers[0].pause()
    await moved(waiting)
    group.servers[0].resume()
  },
})

const faults: readonly [string, () => Upheaval][] = [
  ['the master is killed', killed],
  ['a planned failover', planned],
  ['the master is frozen', frozen],
]

describe('Sentinels, kept waits pending, events going on: lost is only what Redis itself lost', () => {
  test.each(faults)('%s', async (_, fault) => {
    const { problems } = await playUpheaval(fault())
    expect(problems).toEqual([])
  })
})

/** A process that only waits, connected to the first master: it never writes, so that no READONLY tells it anything. */
async function waiter(more: object = {}): Promise<ServerEvents> {
  const waiting = new ServerEvents(transport('waiting', more), { keep, listen: ['job'] })
  waiting.onerror(() => undefined)
  await waiting.init()
  expect(await connections(admin(group.servers[0]), 'waiting')).toBe(2)
  return waiting
}

test('a process that only waits leaves the old master, and recalls from the new one', async () => {
  const waiting = await waiter()
  const emitter = new ServerEvents(transport('emitting'), { keep })
  emitter.onerror(() => undefined)
  try {
    await failover()
    await moved(waiting)
    // It was not that one that sent us away.
    expect(await isMaster(admin(group.servers[0]))).toBe(true)
    await emitter.emit('job', 'late', 1)
    await expect(waiting.on('job', 'late', 10_000)).resolves.toEqual([1])
    expect(await connections(admin(group.servers[0]), 'waiting')).toBe(0)
  } finally {
    await Promise.all([waiting.close(), emitter.close()])
  }
})

test('a Sentinel that is frozen, and one that is mistaken, cost time and nothing else', async () => {
  const [frozenOne, mistaken] = group.sentinels as [RedisServer, RedisServer]
  // It knows the replica for a master, and would never learn better.
  const wrong = admin(mistaken, false)
  await wrong.call('SENTINEL', 'REMOVE', group.name)
  await wrong.call('SENTINEL', 'MONITOR', group.name, group.servers[1].host, group.servers[1].port, 2)
  frozenOne.pause()
  const events = new ServerEvents(transport('waiting'), { keep, listen: ['job'] })
  events.onerror(() => undefined)
  try {
    await events.init()
    expect(await connections(admin(group.servers[0]), 'waiting')).toBe(2)
  } finally {
    await events.close()
  }
})

if (everything) {
  test.each(faults)('plain waits, %s: what was missed runs to its timeout', async (_, fault) => {
    const upheaval = fault()
    const { problems } = await playUpheaval({ ...upheaval, title: `${upheaval.title}, plain`, kept: false })
    expect(problems).toEqual([])
  })

  test('a control: without a failover detector a process that only waits stays on the old master', async () => {
    const { forced } = clientOptions
    jest
      .spyOn(clientOptions, 'forced')
      .mockImplementation((...args) => ({ ...forced(...args), failoverDetector: false }))
    // No heartbeat within the test: on a busy machine it may see a ghost, and whoever connects again finds the new master.
    const calm = { heartbeat: 60_000 }
    const waiting = await waiter(calm)
    jest.restoreAllMocks()
    const watched = new ServerEvents(transport('watched', calm), { listen: ['job'] })
    watched.onerror(() => undefined)
    try {
      await watched.init()
      await failover()
      await eventually(async () => (await connections(admin(group.servers[1]), 'watched')) === 2, PATIENT)
      expect(waiting.stats().inputStore.interruptions).toBe(0)
      expect(waiting.stats().outputStore.interruptions).toBe(0)
    } finally {
      await Promise.all([waiting.close(), watched.close()])
    }
  })
}
