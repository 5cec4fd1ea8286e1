import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { ServerEvents, UnwantedError } from 'server-events'

const open: ServerEvents[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((events) => events.close()))
})

describe.each(['name', 'id'] as const)('routing %s', (routing) => {
  const connect = (hub: MemoryHub): ServerEvents => {
    const events = new ServerEvents(new MemoryTransport({ hub, routing }))
    open.push(events)
    return events
  }

  test('a worker goes on while somebody waits, and stops when nobody does', async () => {
    const hub = new MemoryHub()
    const [api, other, worker] = [connect(hub), connect(hub), connect(hub)]
    const leaving = new AbortController()
    const id = api.createId()
    void api.on('report', id, { timeout: 60_000, signal: leaving.signal })
    const staying = new AbortController()
    void other.stream('report', id, { timeout: 60_000, signal: staying.signal })
    await worker.init()
    const wanted = worker.wanted('report', id, { every: 20, within: 10 })
    while (wanted.now === undefined) await new Promise((resolve) => setTimeout(resolve, 1))
    leaving.abort()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(wanted).toMatchObject({ now: true, signal: { aborted: false } })
    staying.abort()
    await new Promise((resolve) => wanted.signal.addEventListener('abort', resolve))
    expect(wanted.signal.reason).toBeInstanceOf(UnwantedError)
  })
})
