// The table of docs/transports.md: who hears whom, by option `channels` of each.
import type { RedisTransportOptions } from '@server-events/redis'
import type { ServerEvents } from 'server-events'
import { useRedis } from './support/stage'

type Channels = NonNullable<RedisTransportOptions['channels']>

/** What of the events of a process each other one hears. */
const heard: Record<Channels, Record<Channels, { readonly waits: boolean; readonly listeners: boolean }>> = {
  pattern: {
    pattern: { waits: true, listeners: true },
    name: { waits: true, listeners: true },
    id: { waits: true, listeners: true },
  },
  name: {
    pattern: { waits: true, listeners: true },
    name: { waits: true, listeners: true },
    id: { waits: false, listeners: false },
  },
  id: {
    pattern: { waits: false, listeners: true },
    name: { waits: false, listeners: true },
    id: { waits: true, listeners: true },
  },
}
const cells = (Object.keys(heard) as Channels[]).flatMap((here) =>
  (Object.keys(heard) as Channels[]).map((there) => ({ here, there, ...heard[here][there] })),
)

const redis = useRedis()
const keep = 60_000
let prefixes = 0
const ids = ['event', 'failure', 'sentinel'] as const

/** Waits whose subscriptions stand: each in turn says that it has settled. */
async function waitFor(waiting: ServerEvents, settled: string[]): Promise<Promise<unknown>[]> {
  const streams = ids.map((id) => waiting.stream('ev', id))
  await Promise.all(streams.map(({ ready }) => ready))
  return ids.map((id) => {
    const told = (): unknown => settled.push(id)
    return waiting.on('ev', id, 30_000).then(told, told)
  })
}

describe.each(cells)("a process with '$here' and events emitted with '$there'", ({ here, there, waits, listeners }) => {
  const connect = (
    keeping: boolean,
    backstop?: number,
  ): { waiting: ServerEvents; emitting: ServerEvents; equal: ServerEvents } => {
    // What an earlier test kept is none of it.
    const prefix = `p${++prefixes}:`
    const options = keeping ? { keep, ...(backstop !== undefined && { backstop }) } : {}
    return {
      waiting: redis.connect(options, { channels: here, prefix }),
      emitting: redis.connect(options, { channels: there, prefix }),
      equal: redis.connect(options, { channels: here, prefix }),
    }
  }
  const emit = async ({ emitting, equal }: ReturnType<typeof connect>): Promise<void> => {
    await emitting.emit('ev', 'event', 1)
    await emitting.fail('ev', 'failure', new Error('no'))
    // The sentinel: what comes before it on the server has arrived before it, or not at all.
    await equal.emit('ev', 'sentinel')
  }

  test(`its waits ${waits ? 'hear' : 'do not hear'} them`, async () => {
    const stage = connect(false)
    const settled: string[] = []
    const [, , sentinel] = await waitFor(stage.waiting, settled)
    await emit(stage)
    await sentinel
    expect(settled).toEqual(waits ? ids : ['sentinel'])
  })

  test(`its listeners ${listeners ? 'hear' : 'do not hear'} them, and so do waits beside them: once`, async () => {
    const stage = connect(false)
    const told: string[] = []
    const settled: string[] = []
    const last = new Promise<void>((resolve) => {
      void stage.waiting.listen('ev', (id) => (id === 'last' ? resolve() : told.push(id)))
    })
    await stage.waiting.listen('ev')
    const [, , sentinel] = await waitFor(stage.waiting, settled)
    await emit(stage)
    await stage.equal.emit('ev', 'last')
    await Promise.all([sentinel, last])
    expect(told).toEqual([...(listeners ? ['event'] : []), 'sentinel'])
    expect(settled).toEqual(listeners ? ids : ['sentinel'])
  })

  test(`its waits get what is kept: ${waits ? 'at once' : 'when the store is asked again'}`, async () => {
    const stage = connect(true, waits ? undefined : 100)
    const settled: string[] = []
    const all = await waitFor(stage.waiting, settled)
    await emit(stage)
    await Promise.all(all)
    const { event, recall, backstop, failure } = stage.waiting.stats().settled
    expect({ outcomes: event + recall + backstop, failure }).toEqual({ outcomes: 2, failure: 1 })
    // The sentinel, unless the store was asked just before it came.
    if (!waits) expect(event).toBeLessThanOrEqual(1)
    // Who comes late does not depend on it.
    expect(await stage.waiting.on('ev', 'event', 30_000)).toEqual([1])
  })
})
