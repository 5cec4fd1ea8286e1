import { EventEmitter } from 'node:events'
import { Topology } from '../src/cluster/topology'
import { ClusterWatch } from '../src/cluster/watch'
import type { Nodes } from '../src/cluster/watch'
import type { Client } from '../src/client/client'
import { eventually } from '@server-events/testing'

/** A connection that stands until it is disconnected. */
class FakeClient extends EventEmitter {
  status = 'ready'
  disconnect(): void {
    this.status = 'end'
    this.emit('close')
  }
}

const PORTS = [7001, 7002, 7003]
const idOf = (port: number): string => `id-${port}`
const placeAt = (port: number) => ({ address: `127.0.0.1:${port}`, id: idOf(port) })

function mapOf(ports: readonly number[] = PORTS): Topology {
  const map = new Topology()
  const nodes = ports.map((port) => ({ host: '127.0.0.1', port, id: idOf(port), ip: undefined }))
  map.learn([{ first: 0, last: 16_383, nodes }], '127.0.0.1:7001')
  return map
}

const never = <T>(): Promise<T> => new Promise(() => undefined)
const asClient = (client: FakeClient): Client => client as unknown as Client
const nowhere: Nodes = {
  map: mapOf(),
  dialWitness: () => never(),
  identify: () => never(),
  survey: () => never(),
}

let watch: ClusterWatch
afterEach(() => watch.close())
function start(nodes: Partial<Nodes>, timeout = 20): ClusterWatch {
  watch = new ClusterWatch({ ...nowhere, ...nodes }, 10, timeout)
  return watch
}
/** One that subscribes. */
function subscriberAt(port: number): FakeClient {
  const client = new FakeClient()
  watch.add(asClient(client), placeAt(port), { judged: true, canBeAsked: false })
  return client
}
function publisherAt(port: number): FakeClient {
  const client = new FakeClient()
  watch.add(asClient(client), placeAt(port), { judged: true, canBeAsked: true })
  return client
}

const stages: [string, (reached: () => void) => Partial<Nodes>][] = [
  ['a client that is never made', (reached) => ({ dialWitness: () => (reached(), never()) })],
  [
    'one that never connects',
    (reached) => ({
      dialWitness: async () => {
        reached()
        const client = new FakeClient()
        client.status = 'connecting'
        return Promise.resolve(asClient(client))
      },
    }),
  ],
  ['one that cannot be made', (reached) => ({ dialWitness: () => (reached(), Promise.reject(new Error('no'))) })],
  ['none at all', (reached) => ({ dialWitness: async () => (reached(), Promise.resolve(undefined)) })],
]
test.each(stages)('%s does not end the watch', async (_, stage) => {
  let times = 0
  start(stage(() => times++))
  subscriberAt(7001)
  await eventually(() => times >= 5)
})

test('one that never answers does not end the watch', async () => {
  let times = 0
  start({ survey: () => (times++, never()) })
  subscriberAt(7001)
  publisherAt(7002)
  await eventually(() => times >= 5)
})

/** A witness that stands at once, and a count of those that were made and those that still stand. */
function witnesses(): { made: FakeClient[]; dialWitness: Nodes['dialWitness'] } {
  const made: FakeClient[] = []
  return {
    made,
    dialWitness: async () => {
      const client = new FakeClient()
      client.status = 'connecting'
      made.push(client)
      setImmediate(() => {
        if (client.status === 'end') return
        client.status = 'ready'
        client.emit('ready')
      })
      return Promise.resolve(asClient(client))
    },
  }
}

test('the witness is made once, and goes with the last connection that it is for', async () => {
  const { made, dialWitness } = witnesses()
  let asked = 0
  const survey: Nodes['survey'] = async () => (asked++, Promise.resolve({ living: undefined }))
  start({ dialWitness, survey, identify: async () => Promise.resolve(idOf(7003)) })
  const subscriber = subscriberAt(7001)
  await eventually(() => asked >= 10)
  expect(made).toHaveLength(1)
  subscriber.disconnect()
  expect(made[0]!.status).toBe('end')
})

test('one that says nothing any more is replaced', async () => {
  const { made, dialWitness } = witnesses()
  start({ dialWitness, identify: async () => Promise.resolve(idOf(7003)) })
  subscriberAt(7001)
  await eventually(() => made.length >= 3)
  expect(made.slice(0, -1).every(({ status }) => status === 'end')).toBe(true)
})

test('no node but ours: nobody is called', async () => {
  let times = 0
  start({ map: mapOf([7001]), dialWitness: () => (times++, never()) })
  const [subscriber, publisher] = [subscriberAt(7001), publisherAt(7001)]
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(times).toBe(0)
  expect([subscriber.status, publisher.status]).toEqual(['ready', 'ready'])
})

test('a connection that was lost while it was asked who it is leaves nothing', async () => {
  const { made, dialWitness } = witnesses()
  start({ dialWitness })
  const lost = new FakeClient()
  lost.disconnect()
  watch.add(asClient(lost), placeAt(7001), { judged: true, canBeAsked: true })
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(made).toEqual([])
  expect(lost.listenerCount('close')).toBe(0)
})

test('those whose node left are cut, by id and by text, and the others are not', async () => {
  const map = mapOf()
  const told: { living: ReadonlySet<string> | undefined } = { living: undefined }
  let asked = 0
  start({ map, survey: async () => (asked++, Promise.resolve(told)) })
  const [left, stays] = [subscriberAt(7001), subscriberAt(7003)]
  const publisher = publisherAt(7002)
  await eventually(() => asked >= 4)
  expect([left, stays, publisher].map(({ status }) => status)).toEqual(['ready', 'ready', 'ready'])
  map.learn(
    [{ first: 0, last: 16_383, nodes: PORTS.slice(1).map((port) => ({ host: 'renamed', port, id: idOf(port), ip: undefined })) }],
    '127.0.0.1:7002',
  ) // prettier-ignore
  await eventually(() => left.status === 'end')
  // Failed in the eyes of the others, while its slots are still its own.
  told.living = new Set([idOf(7002)])
  await eventually(() => stays.status === 'end')
  expect(publisher.status).toBe('ready')
})

test('a master without slots is a member, where that is told', async () => {
  let asked = 0
  const living = new Set([...PORTS, 7004].map(idOf))
  start({ survey: async () => (asked++, Promise.resolve({ living })) })
  const empty = subscriberAt(7004)
  publisherAt(7001)
  await eventually(() => asked >= 5)
  expect(empty.status).toBe('ready')
})

test('an id that nobody ever told of means nothing: a proxy may have its own', async () => {
  let asked = 0
  start({ survey: async () => (asked++, Promise.resolve({ living: new Set(PORTS.map(idOf)) })) })
  const client = new FakeClient()
  watch.add(asClient(client), { address: 'proxy:6379', id: 'its-own' }, { judged: true, canBeAsked: false })
  publisherAt(7001)
  await eventually(() => asked >= 5)
  expect(client.status).toBe('ready')
})

test('a node that tells of itself is one: cut if it left before anybody else had told of it', async () => {
  start({ survey: async () => Promise.resolve({ living: new Set(PORTS.map(idOf)) }) })
  const client = new FakeClient()
  watch.add(asClient(client), placeAt(7004), { judged: true, canBeAsked: false, tellsOfItself: true })
  publisherAt(7001)
  await eventually(() => client.status === 'end')
})
