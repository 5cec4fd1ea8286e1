// The table of docs/transports.md: who hears whom, by the modes of both and by whether the id has a label.
import type { RedisTransportOptions } from '@server-events/redis'
import { eventually } from '@server-events/testing'
import { homeOf, type ServerEvents } from 'server-events'
import { useRedis } from './support/stage'

type Mode = "'pattern'" | "'name'" | "'id'" | "wire 'both'" | "wire '1.x'"

const modes: Record<Mode, RedisTransportOptions> = {
  "'pattern'": { channels: 'pattern' },
  "'name'": { channels: 'name' },
  "'id'": { channels: 'id' },
  "wire 'both'": { wire: 'both' },
  "wire '1.x'": { wire: '1.x' },
}
const emitters = Object.keys(modes) as Mode[]

/** Of whom each hears: a letter for each emitter, w if its waits do, l if its listeners do. */
const heard: Record<'with' | 'without', Record<Mode, string>> = {
  with: {
    "'pattern'": 'wl wl wl wl --',
    "'name'": 'wl wl wl -l --',
    "'id'": 'wl wl wl -l --',
    "wire 'both'": 'wl wl wl wl wl',
    "wire '1.x'": 'wl wl wl wl wl',
  },
  without: {
    "'pattern'": 'wl wl wl wl --',
    "'name'": 'wl wl -- wl --',
    "'id'": '-l -l wl -l --',
    "wire 'both'": 'wl wl wl wl wl',
    "wire '1.x'": 'wl wl wl wl wl',
  },
}

const cells = (['with', 'without'] as const).flatMap((label) =>
  emitters.flatMap((here) =>
    emitters.map((there, index) => {
      const [waits, listens] = heard[label][here].split(' ')[index] ?? ''
      return { label, here, there, waits: waits === 'w', listens: listens === 'l' }
    }),
  ),
)

const redis = useRedis()
let prefixes = 0

/** What a stream of the id, and a listener of another process, get: the events, and in the end the sentinel. */
async function play(id: string, [waiting, listening, emitting, equal]: ServerEvents[]): Promise<[string[], string[]]> {
  const told: string[] = []
  const all = new Promise<void>((resolve) => {
    void listening!.listen('ev', (each, text: string) => {
      if (each !== id) return
      told.push(text)
      if (text === 'sentinel') resolve()
    })
  })
  await listening!.listen('ev')
  const stream = waiting!.stream('ev', id, { until: (text) => text === 'sentinel' })
  await stream.ready
  await emitting!.emit('ev', id, 'event')
  // What comes before it on the server has arrived before it, or not at all.
  await equal!.emit('ev', id, 'sentinel')
  const got: string[] = []
  for await (const [text] of stream) got.push(text as string)
  await all
  return [got, told]
}

test.each(cells)(
  '$label a label: of what $there emits, $here hears (waits: $waits, listeners: $listens)',
  async ({ label, here, there, waits, listens }) => {
    const prefix = `m${++prefixes}:`
    const connect = (mode: Mode): ServerEvents => redis.connect({}, { ...modes[mode], prefix })
    const peers = [connect(here), connect(here), connect(there), connect(here)]
    const errors: string[] = []
    for (const peer of peers) peer.onerror((_, error) => errors.push(error.message))
    // For 'id' an id of its own, else of a third one.
    const maker = here === "'id'" ? peers[0]! : connect("'id'")
    const id = label === 'with' ? maker.createId() : `ev-${prefixes}`
    expect(homeOf(id) !== undefined).toBe(label === 'with')
    expect(await play(id, peers)).toEqual([
      [...(waits ? ['event'] : []), 'sentinel'],
      [...(listens ? ['event'] : []), 'sentinel'],
    ])
    expect(errors).toEqual([])
  },
)

test.each(cells.filter(({ waits }) => waits))(
  '$label a label: a worker with $there is told that one with $here waits, and of its end',
  async ({ label, here, there }) => {
    const prefix = `m${++prefixes}:`
    const connect = (mode: Mode): ServerEvents => redis.connect({}, { ...modes[mode], prefix })
    const [api, worker] = [connect(here), connect(there)]
    const maker = here === "'id'" ? api : connect("'id'")
    const id = label === 'with' ? maker.createId() : `ev-${prefixes}`
    const leaving = new AbortController()
    const stream = api.stream('ev', id, { signal: leaving.signal })
    await stream.ready
    const wanted = worker.wanted('ev', id, { every: 1_000, within: 500 })
    await eventually(() => expect(wanted.now).toBe(true))
    leaving.abort()
    await eventually(() => expect(wanted.now).toBe(false))
    wanted.close()
  },
)

test("from 'pattern' to 'id', process by process: no wait on an id of createId is lost at any step", async () => {
  const prefix = `m${++prefixes}:`
  const connect = (mode: Mode): ServerEvents => redis.connect({ listen: ['ev'] }, { ...modes[mode], prefix })
  const apis = [connect("'pattern'"), connect("'pattern'")]
  const workers = [connect("'pattern'"), connect("'pattern'")]
  const listeners = [connect("'pattern'"), connect("'name'")]
  const heardBy = listeners.map(() => new Set<string>())
  for (const [index, listener] of listeners.entries()) await listener.listen('ev', (id) => heardBy[index]!.add(id))
  const ids: string[] = []
  const work = async (): Promise<void> => {
    await Promise.all([...apis, ...workers].map((events) => events.init()))
    for (const api of apis)
      for (const worker of workers) {
        const id = api.createId()
        ids.push(id)
        const wait = api.on('ev', id)
        await worker.emit('ev', id, id)
        expect(await wait).toEqual([id])
      }
  }
  await work()
  // First who waits, one by one; then who emits.
  for (const group of [apis, workers])
    for (const [index, old] of group.entries()) {
      await old.close()
      group[index] = connect("'id'")
      await work()
    }
  const last = apis[0]!.createId()
  ids.push(last)
  await workers[0]!.emit('ev', last)
  while (heardBy.some((all) => all.size < ids.length)) await new Promise(setImmediate)
  for (const all of heardBy) expect([...all].sort()).toEqual([...ids].sort())
})
