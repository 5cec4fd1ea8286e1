import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { homeOf, ServerEvents } from 'server-events'
import { sealed } from 'server-events/sealed'
import { rejection, settle, start, watch } from './support/harness'
import type { Started } from './support/harness'
import type { ScriptedOptions } from './support/scripted-transport'

const foreign = '1~AAAAaaaarko'
const forbidden = (): Error => Object.assign(new Error('no'), { code: 'ERR_FORBIDDEN', channel: 'se:report:{x}' })

/** An instance that has homes, and the label of its own. */
function startHome(
  scripted: ScriptedOptions = {},
  options: Parameters<typeof start>[1] = {},
): Started & { label: string } {
  const started = start({ routing: 'id', homes: true, ...scripted }, options)
  return { ...started, label: homeOf(started.events.createId())! }
}

describe('homeOf', () => {
  test.each([
    ['1~AAAAaaaarko', 'AAAAaaaarko'],
    ['~AAAAaaaarko', 'AAAAaaaarko'],
    ['order:7:x~BBBB-b_9I1p', 'BBBB-b_9I1p'],
    ['1~BBBB-b_9I1p~AAAAaaaarko', 'AAAAaaaarko'],
    ['AAAAaaaarko', undefined],
    ['1-AAAAaaaarko', undefined],
    ['1~AAAAaaaarkp', undefined],
    ['1~AAAAbaaarko', undefined],
    ['1~AAAAaaaarkox', undefined],
    ['1~AAAAaaa:rko', undefined],
    ['1~AAAAaaa\u1234rko', undefined],
    ['1~AAAaaaarko', undefined],
    ['~', undefined],
    ['', undefined],
  ])('of %j is %j', (id, home) => {
    expect(homeOf(id)).toBe(home)
  })

  test('ids of others hardly ever end like one', () => {
    const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    // Each by a rule of its own, so that the outcome is always the same.
    let state = 1
    const next = (): number => (state = Math.imul(state, 1_103_515_245) + 12_345) >>> 16
    let homes = 0
    for (let made = 0; made < 200_000; made++) {
      const label = Array.from({ length: 11 }, () => characters[next() % 64]).join('')
      if (homeOf(`1~${label}`) !== undefined) homes++
    }
    expect(homes).toBeLessThan(10)
  })
})

describe('createId', () => {
  test('where there are homes, gives 22 characters and the label of the instance', () => {
    const { events } = startHome()
    const ids = Array.from({ length: 10_000 }, () => events.createId())
    for (const id of ids) expect(id).toMatch(/^[\w-]{22}~[\w-]{11}$/)
    expect(new Set(ids).size).toBe(ids.length)
    expect(new Set(ids.map(homeOf)).size).toBe(1)
    expect(homeOf(`order:${ids[0]!}`)).toBe(homeOf(ids[0]!))
    expect(homeOf(startHome().events.createId())).not.toBe(homeOf(ids[0]!))
  })

  test.each([{ routing: 'id' }, { routing: 'name' }] as const)('elsewhere gives no label (%j)', (scripted) => {
    const { events } = start(scripted)
    expect(events.createId()).toMatch(/^[\w-]{22}$/)
  })
})

describe('the home of an instance', () => {
  test('is one subscription of each name for all waits on ids that were made there', async () => {
    const { events, transport, label } = startHome()
    const waits = Array.from({ length: 50 }, () => events.createId()).map(
      (id) => [id, events.on('report', id)] as const,
    )
    void events.on('other', `order:${events.createId()}`)
    await settle()
    expect(transport.log).toEqual([`subscribe report~${label}`, `subscribe other~${label}`])
    for (const [id, wait] of waits) {
      transport.deliver({ name: 'report', id }, [id])
      expect(await wait).toEqual([id])
    }
    await settle()
    expect(transport.unsubscribes.count).toBe(0)
    void events.on('report', events.createId())
    await settle()
    expect(transport.subscribes.count).toBe(2)
  })

  test('stays for 30 s when nobody waits any more', async () => {
    jest.useFakeTimers()
    const { events, transport, label } = startHome()
    const id = events.createId()
    const wait = events.on('report', id)
    await settle()
    transport.deliver({ name: 'report', id }, [])
    await wait
    await jest.advanceTimersByTimeAsync(29_000)
    expect(transport.unsubscribes.count).toBe(0)
    await jest.advanceTimersByTimeAsync(1_001)
    expect(transport.log.at(-1)).toBe(`unsubscribe report~${label}`)
    await settle()
    expect(events.stats().names).toBe(0)
  })

  test('is what option listen subscribes at init', async () => {
    const { events, transport, label } = startHome({}, { listen: ['report', 'other'] })
    await events.init()
    expect(transport.log.filter((call) => call !== 'connect')).toEqual([
      `subscribe report~${label}`,
      `subscribe other~${label}`,
    ])
    const id = events.createId()
    const wait = events.on('report', id)
    await events.emit('report', id, 'at once')
    expect(await wait).toEqual(['at once'])
  })

  test('is what a request waits on', async () => {
    const { events, transport, label } = startHome({ manual: ['subscribe'] })
    const start = jest.fn((id: string) => events.emit('report', id, 'done'))
    const request = events.request('report', start)
    await settle()
    expect(transport.log).toEqual([`subscribe report~${label}`])
    expect(start).not.toHaveBeenCalled()
    transport.subscribes.last.answer()
    expect(await request).toEqual(['done'])
    expect(homeOf(start.mock.calls[0]![0])).toBe(label)
  })

  test('holds emits of its ids while it is on its way, and no others', async () => {
    const { events, transport } = startHome({ manual: ['subscribe'] })
    const own = events.createId()
    const wait = events.on('report', own)
    await settle()
    void events.emit('report', foreign)
    void events.emit('report', own, 1)
    await settle()
    expect(transport.log.filter((call) => call.startsWith('publish'))).toEqual([`publish report:${foreign}`])
    transport.subscribes.last.answer()
    expect(await wait).toEqual([1])
  })

  test('that is refused rejects its waits, and no others', async () => {
    const { events, transport } = startHome({ manual: ['subscribe'] })
    const [own, other] = [events.on('report', events.createId()), watch(events.on('report', foreign))]
    await settle()
    transport.subscribes.calls[0]!.reject(forbidden())
    expect(await rejection(own)).toMatchObject({ code: 'ERR_FORBIDDEN', channel: 'se:report:{x}' })
    await settle()
    expect(other.state).toBe('pending')
  })

  test('that is lost rejects its waits, and no others', async () => {
    const { events, transport, label } = startHome()
    const [own, other] = [events.on('report', events.createId()), watch(events.on('report', foreign))]
    await settle()
    transport.lost({ name: 'report', home: label }, forbidden())
    expect(await rejection(own)).toMatchObject({ code: 'ERR_FORBIDDEN' })
    await settle()
    expect(other.state).toBe('pending')
  })
})

describe("somebody else's home", () => {
  test('is one subscription for all waits on its ids, and ends with the last of them', async () => {
    const { events, transport } = startHome()
    const waits = [events.on('report', foreign), events.on('report', `2${foreign}`)]
    await settle()
    expect(transport.log).toEqual(['subscribe report~AAAAaaaarko'])
    transport.deliver({ name: 'report', id: foreign }, [])
    await waits[0]
    await settle()
    expect(transport.unsubscribes.count).toBe(0)
    transport.deliver({ name: 'report', id: `2${foreign}` }, [])
    await waits[1]
    await settle()
    expect(transport.log).toEqual(['subscribe report~AAAAaaaarko', 'unsubscribe report~AAAAaaaarko'])
    expect(events.stats().names).toBe(0)
  })

  test('is nothing to a transport without homes', async () => {
    const { events, transport } = start({ routing: 'id' })
    void events.on('report', foreign)
    await settle()
    expect(transport.log).toEqual([`subscribe report:${foreign}`])
  })
})

describe('a name in option listen', () => {
  test.each([foreign, 'order-1'])('says once that it does not protect a wait on %s', async (id) => {
    const { events, told } = startHome({}, { listen: ['report'] })
    await events.init()
    void events.on('report', events.createId())
    void events.on('other', id)
    await settle()
    expect(told).toEqual([])
    for (let times = 0; times < 3; times++) void events.on('report', `${times}${id}`)
    await settle()
    expect(told).toEqual([{ store: 'outputStore', error: expect.objectContaining({ code: 'ERR_UNSUPPORTED' }) }])
    expect(told[0]!.error.message).toContain('createId of the instance that waits')
  })

  test('says nothing where the whole name is listened to', async () => {
    const { events, told } = startHome({}, { listen: ['report'] })
    await events.listen('report')
    void events.on('report', foreign)
    await settle()
    expect(told).toEqual([])
  })
})

test('listen hears the whole name', async () => {
  const { events, transport } = startHome()
  const heard: string[] = []
  await events.listen('report', (id) => heard.push(id))
  expect(transport.log).toEqual(['subscribe report'])
  for (const id of ['1', foreign]) await events.emit('report', id)
  await settle()
  expect(heard).toEqual(['1', foreign])
})

describe('routing name with homes', () => {
  const byName = { routing: 'name', homes: true } as const

  test('a wait on an id with a label subscribes its home, one without its name', async () => {
    const { events, transport } = start(byName)
    expect(events.createId()).toMatch(/^[\w-]{22}$/)
    const waits = [foreign, '1', `2${foreign}`, '2'].map((id) => events.on('report', id))
    await settle()
    expect(transport.log).toEqual(['subscribe report~AAAAaaaarko', 'subscribe report'])
    for (const id of [foreign, '1', `2${foreign}`, '2']) transport.deliver({ name: 'report', id }, [id])
    expect(await Promise.all(waits)).toEqual([[foreign], ['1'], [`2${foreign}`], ['2']])
    await settle()
    expect(transport.log.slice(2)).toEqual(['unsubscribe report~AAAAaaaarko'])
  })

  test('what is refused, or stands, concerns its own waits only', async () => {
    const { events, transport } = start({ ...byName, keeper: true, manual: ['subscribe'] }, { keep: 60_000 })
    const [home, name] = [events.on('report', foreign), events.on('report', '1')]
    const waiting = watch(home)
    await settle()
    transport.subscribes.calls[1]!.reject(forbidden())
    expect(await rejection(name)).toMatchObject({ code: 'ERR_FORBIDDEN' })
    await settle()
    expect(waiting.state).toBe('pending')
    void events.on('report', '2')
    await settle()
    transport.subscribes.last.answer()
    await settle()
    expect(transport.log.filter((call) => call.startsWith('recall'))).toEqual(['recall report:2'])
  })

  test('listen subscribes the name and all its homes, and ends both', async () => {
    const { events, transport } = start({ ...byName, manual: ['subscribe'] })
    const listening = events.listen('report', () => {})
    const listened = watch(listening)
    await settle()
    expect(transport.log).toEqual(['subscribe report', 'subscribe report~*'])
    transport.subscribes.calls[0]!.answer()
    await settle()
    expect(listened.state).toBe('pending')
    void events.emit('report', foreign)
    await settle()
    expect(transport.publishes.count).toBe(0)
    transport.subscribes.calls[1]!.answer()
    const { close } = await listening
    await settle()
    expect(transport.publishes.count).toBe(1)
    await close()
    await settle()
    expect(transport.log).toContain('unsubscribe report~*')
  })

  test('homes that are refused a listener are told once, and it hears the rest', async () => {
    jest.useFakeTimers()
    const { events, transport, told } = start({ ...byName, manual: ['subscribe'] }, { backstop: 1_000 })
    const heard: string[] = []
    const listening = events.listen('report', (id) => heard.push(id))
    await settle()
    transport.subscribes.calls[0]!.answer()
    transport.subscribes.calls[1]!.reject(forbidden())
    await listening
    transport.deliver({ name: 'report', id: '1' }, [])
    expect(heard).toEqual(['1'])
    for (let times = 0; times < 3; times++) {
      await jest.advanceTimersByTimeAsync(1_000)
      transport.subscribes.last.reject(forbidden())
      await settle()
    }
    expect(transport.subscribes.count).toBe(5)
    expect(told).toEqual([{ store: 'outputStore', error: expect.objectContaining({ code: 'ERR_FORBIDDEN' }) }])
  })

  test('option listen subscribes the name, and a wait on an id with a label gives the hint', async () => {
    const { events, transport, told } = start(byName, { listen: ['report'] })
    await events.init()
    void events.on('report', events.createId())
    await settle()
    expect(told).toEqual([])
    void events.on('report', foreign)
    await settle()
    expect(told).toEqual([{ store: 'outputStore', error: expect.objectContaining({ code: 'ERR_UNSUPPORTED' }) }])
    expect(transport.log.filter((call) => call.startsWith('subscribe'))).toEqual([
      'subscribe report',
      'subscribe report~AAAAaaaarko',
    ])
  })
})

describe('MemoryTransport with routing id', () => {
  const open: ServerEvents[] = []
  afterEach(() => Promise.all(open.splice(0).map((events) => events.close())))

  test.each([
    ['as it is', (transport: MemoryTransport) => transport],
    ['sealed', (transport: MemoryTransport) => sealed(transport, { secrets: ['a secret of sixteen bytes or more'] })],
  ])('has homes: an event goes to the instance that waits for it, %s', async (_, over) => {
    const hub = new MemoryHub()
    const make = (): ServerEvents => {
      const transport = new MemoryTransport({ hub, routing: 'id' })
      const events = new ServerEvents(over(transport), { keep: { kept: 60_000 } })
      open.push(events)
      return events
    }
    const [api, other, worker] = [make(), make(), make()]
    const ids = [api.createId(), api.createId(), other.createId(), 'homeless']
    expect(new Set(ids.map(homeOf)).size).toBe(3)
    const waits = ids.map((id) => api.on('report', id))
    await settle()
    for (const id of ids) await worker.emit('report', id, id)
    expect(await Promise.all(waits)).toEqual(ids.map((id) => [id]))
    await worker.emit('kept', ids[0]!, 'kept')
    expect(await api.on('kept', ids[0]!)).toEqual(['kept'])
    const failed = api.on('report', ids[0]!)
    await settle()
    await worker.fail('report', ids[0]!, new Error('failed'))
    expect(await rejection(failed)).toMatchObject({ code: 'ERR_REMOTE' })
  })
})
