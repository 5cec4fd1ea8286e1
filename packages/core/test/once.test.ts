import { inspect } from 'node:util'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { ServerEvents } from 'server-events'
import type { Transport } from 'server-events'
import { sealed } from 'server-events/sealed'
import type { Options } from './support/harness'
import { rejection, start } from './support/harness'
import { ScriptedTransport } from './support/scripted-transport'

const keep = { report: { ms: 60_000, once: true } } as const
const secrets = ['a secret of sixteen bytes or more']
const settled = { code: 'ERR_ALREADY_SETTLED' }

const open: ServerEvents[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((events) => events.close()))
})

function instance(transport: Transport, options: Options = {}): ServerEvents {
  const events = new ServerEvents(transport, { keep, ...options })
  open.push(events)
  events.onerror(() => {})
  return events
}

describe.each([
  ['plain', (hub: MemoryHub): Transport => new MemoryTransport({ hub })],
  ['sealed', (hub: MemoryHub): Transport => sealed(new MemoryTransport({ hub }), { secrets })],
])('kept once, %s', (_, make) => {
  let hub: MemoryHub
  beforeEach(() => {
    hub = new MemoryHub()
  })

  test('the first outcome holds: for who waited, for who waits later, and for who has another one', async () => {
    const [api, one, other] = [instance(make(hub)), instance(make(hub)), instance(make(hub))]
    const heard: unknown[] = []
    await api.listen('report', (id, ...args) => heard.push([id, ...args]))
    const early = api.on('report', 1)
    await one.emit('report', 1, 'approved')
    expect(await rejection(other.emit('report', 1, 'rejected'))).toMatchObject({
      ...settled,
      message: expect.stringMatching(/"report" with id "1".*forget/),
    })
    expect(await early).toEqual(['approved'])
    expect(await api.on('report', 1)).toEqual(['approved'])
    expect(await api.peek('report', 1)).toEqual(['approved'])
    // Announced again: that heals what crashed between store and announcement.
    expect(heard).toEqual([
      ['1', 'approved'],
      ['1', 'approved'],
    ])
  })

  test('a failure competes like an event, in both directions', async () => {
    const [one, other] = [instance(make(hub)), instance(make(hub))]
    await one.fail('report', 1, new TypeError('no disk'))
    expect(await rejection(other.emit('report', 1, 'url'))).toMatchObject(settled)
    expect(await rejection(other.on('report', 1))).toMatchObject({ code: 'ERR_REMOTE', message: 'no disk' })
    await one.emit('report', 2, 'url')
    expect(await rejection(other.fail('report', 2, new Error('late')))).toMatchObject(settled)
    expect(await other.on('report', 2)).toEqual(['url'])
  })

  test('the same outcome again resolves, also with other headers', async () => {
    let trace = 0
    const events = instance(make(hub), { headers: () => ({ trace: String(trace++) }) })
    await events.emit('report', 1, { url: 'a' })
    await events.emit('report', 1, { url: 'a' })
    await events.fail('report', 2, new Error('no disk'))
    await events.fail('report', 2, new Error('no disk'))
    expect(trace).toBe(4)
  })

  test('forget is the reset', async () => {
    const events = instance(make(hub))
    await events.emit('report', 1, 'first')
    await events.forget('report', 1)
    await events.emit('report', 1, 'second')
    expect(await events.peek('report', 1)).toEqual(['second'])
  })

  test('other names are kept as before', async () => {
    const events = instance(make(hub), { keep: { ...keep, other: 60_000 } })
    await events.emit('other', 1, 'first')
    await events.emit('other', 1, 'last')
    expect(await events.peek('other', 1)).toEqual(['last'])
  })

  test('who comes second is told on onerror, too, and counts as handled', async () => {
    const events = instance(make(hub))
    const told: unknown[] = []
    events.onerror((_side, error) => told.push(error))
    await events.emit('report', 1, 'topsecret')
    void events.emit('report', 1, 'topsecret too')
    await rejection(events.emit('report', 1, 'third'))
    expect(told).toHaveLength(2)
    expect(inspect(told)).not.toContain('topsecret')
  })
})

test('what does not open does not hold: it is replaced', async () => {
  const hub = new MemoryHub()
  const stranger = instance(new MemoryTransport({ hub }), { keep: { report: 60_000 } })
  const worker = instance(sealed(new MemoryTransport({ hub }), { secrets }))
  await stranger.emit('report', 1, 'forged')
  await worker.emit('report', 1, 'true')
  expect(await worker.peek('report', 1)).toEqual(['true'])
  expect(await rejection(worker.emit('report', 1, 'false'))).toMatchObject(settled)
})

describe('the option', () => {
  const construct = (transport: Transport, value: unknown) => () =>
    new ServerEvents(transport, { keep: { report: value } } as object)

  test('is refused where the keeper does not declare it, and only there', () => {
    const unsupported = expect.objectContaining({ code: 'ERR_UNSUPPORTED' })
    expect(construct(new ScriptedTransport({ keeper: true }), { ms: 5, once: true })).toThrow(unsupported)
    expect(construct(sealed(new ScriptedTransport({ keeper: true }), { secrets }), { ms: 5, once: true })).toThrow(
      unsupported,
    )
    expect(construct(new ScriptedTransport({ keeper: true }), { ms: 5 })).not.toThrow()
    expect(construct(new MemoryTransport(), { ms: 5, once: true })).not.toThrow()
  })

  test.each([
    null,
    {},
    { ms: 0 },
    { ms: '5' },
    { once: true },
    { ms: 5, once: false },
    { ms: 5, Once: true },
    [5],
    'x',
  ])('refuses %p', (value) => {
    expect(construct(new MemoryTransport(), value)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('"report"') }),
    )
  })

  test('says nothing to the keeper about names without it', async () => {
    const { events, transport } = start({ keeper: true }, { keep: { report: { ms: 5 } } })
    const calls: unknown[][] = []
    const { publish } = transport.keeper!
    transport.keeper!.publish = (...args) => {
      calls.push(args)
      return publish(...args)
    }
    await events.emit('report', 1, 'url')
    expect(calls).toEqual([[{ name: 'report', id: '1' }, expect.anything(), 5, undefined]])
  })
})

test('a codec that uses its bytes again does not change what is compared', async () => {
  const bytes = Buffer.alloc(1)
  const codec = {
    encode: ([value]: readonly unknown[]) => {
      bytes[0] = value as number
      return bytes
    },
    decode: (body: string | Uint8Array) => [...(body as Uint8Array)],
  }
  const events = instance(new MemoryTransport({ hub: new MemoryHub() }), { codec })
  await events.emit('report', 1, 1)
  const same = events.emit('report', 1, 1)
  const other = rejection(events.emit('report', 1, 2))
  await same
  expect(await other).toMatchObject(settled)
})
