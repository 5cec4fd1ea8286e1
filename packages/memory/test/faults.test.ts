import { ClosedError, ConnectionError, InvalidArgumentError, ServerEvents } from 'server-events'
import type { Message } from 'server-events'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { ScriptedReceiver } from './scripted-receiver'

const key = { name: 'report', id: '7' }
const name = { name: 'report' }
const notSent = expect.objectContaining({ code: 'ERR_CONNECTION', sent: false })

let hub: MemoryHub
const open: { close(): Promise<void> }[] = []
// Seen before any test fakes it.
const immediate = setImmediate

beforeEach(() => {
  hub = new MemoryHub()
})

afterEach(async () => {
  jest.useRealTimers()
  hub.latency = 0
  hub.reconnect()
  await Promise.all(open.splice(0).map((it) => it.close()))
})

function attached() {
  const transport = new MemoryTransport({ hub })
  const receiver = new ScriptedReceiver()
  transport.attach(receiver)
  open.push(transport)
  return { transport, receiver }
}

/** Subscribed and connected. */
async function standing() {
  const it = attached()
  await it.transport.subscribe(name)
  await it.transport.connect()
  it.receiver.log.length = 0
  return it
}

function serverEvents(options: ConstructorParameters<typeof ServerEvents>[1] = {}) {
  const events = new ServerEvents(new MemoryTransport({ hub }), options)
  const told: Error[] = []
  events.onerror((_store, error) => told.push(error))
  open.push(events)
  return { events, told }
}

function event(body: string): Message {
  return { kind: 'event', body }
}

/** Lets every promise reaction that is due run, fake timers or not. */
function settle(): Promise<void> {
  return new Promise((resolve) => immediate(resolve))
}

/** How a promise stands now. */
function watch(promise: Promise<unknown>) {
  const watched: { now: unknown } = { now: 'pending' }
  promise.then(
    (value) => (watched.now = value),
    (error: unknown) => (watched.now = error),
  )
  return watched
}

describe('disconnect', () => {
  test('is told at once, with the cause, of what had been up, and reconnect of the same', async () => {
    const both = await standing()
    const publishes = attached()
    await publishes.transport.publish(key, event(''))
    const unused = attached()
    both.receiver.log.length = 0
    for (let times = 1; times <= 2; times++) {
      hub.disconnect()
      hub.disconnect()
      expect(both.receiver.log.sort()).toEqual(['inputStore down', 'outputStore down'])
      hub.reconnect()
      hub.reconnect()
      await settle()
      expect(both.receiver.log.splice(0).slice(2)).toEqual(['inputStore up', 'outputStore up'])
    }
    expect(both.receiver.causes).toEqual(Array(4).fill(expect.any(ConnectionError)))
    expect(publishes.receiver.log).toEqual(
      ['inputStore', 'inputStore', 'inputStore', 'inputStore', 'inputStore'].map(
        (store, index) => `${store} ${index % 2 ? 'down' : 'up'}`,
      ),
    )
    expect(unused.receiver.log).toEqual([])
  })

  test('what is published meanwhile goes out in order when the hub is back, before anyone is subscribed again', async () => {
    const { transport, receiver } = await standing()
    hub.disconnect()
    const published = ['1', '2'].map((body) => transport.publish(key, event(body)))
    const kept = transport.keeper.publish(key, event('kept'), 60_000)
    const forgotten = transport.keeper.forget(key)
    const keptAgain = transport.keeper.publish(key, event('kept again'), 60_000)
    const before = [...published, kept, forgotten, keptAgain].map(watch)
    await settle()
    expect(before.map(({ now }) => now)).toEqual(Array(5).fill('pending'))
    hub.reconnect()
    const after = transport.publish(key, event('after'))
    await Promise.all([...published, kept, forgotten, keptAgain, after])
    expect(await transport.keeper.recall([key])).toEqual([event('kept again')])
    expect(receiver.bodies).toEqual(['after'])
    await transport.keeper.forget(key)
  })

  test('what waits for longer than 5,000 ms rejects, and never takes effect', async () => {
    jest.useFakeTimers()
    const { transport, receiver } = await standing()
    await transport.keeper.publish(key, event('kept'), 60_000)
    const publish = watch(transport.publish(key, event('called just before')))
    hub.disconnect()
    const calls = [
      publish,
      watch(transport.publish(key, event('late'))),
      watch(transport.keeper.publish(key, event('late'), 60_000)),
      watch(transport.keeper.forget(key)),
    ]
    jest.advanceTimersByTime(4_999)
    const stays = watch(transport.publish(key, event('in time')))
    await settle()
    expect(calls.map(({ now }) => now)).toEqual(Array(4).fill('pending'))
    jest.advanceTimersByTime(1)
    await settle()
    expect(calls.map(({ now }) => now)).toEqual(Array(4).fill(notSent))
    receiver.onState = (store, up) => {
      if (store === 'outputStore' && up) void transport.publish(key, event('sentinel'))
    }
    hub.reconnect()
    await settle()
    expect(stays.now).toBeUndefined()
    expect(receiver.bodies).toEqual(['kept', 'sentinel'])
    expect(await transport.keeper.recall([key])).toEqual([event('kept')])
    await transport.keeper.forget(key)
    expect(jest.getTimerCount()).toBe(0)
  })

  test('a subscribe waits for as long as it takes, says why, and has settled when outputStore is up', async () => {
    jest.useFakeTimers()
    const { transport, receiver } = await standing()
    const other = attached()
    hub.disconnect()
    const calls = [
      transport.subscribe({ name: 'another' }).then(() => receiver.log.push('subscribed')),
      other.transport.subscribe(name).then(() => other.receiver.log.push('subscribed')),
    ]
    jest.advanceTimersByTime(2 ** 31)
    await settle()
    expect(other.receiver.log).toEqual(['outputStore the hub is disconnected, until its reconnect()'])
    hub.reconnect()
    await Promise.all(calls)
    await settle()
    expect(receiver.log.slice(3)).toEqual(['inputStore up', 'subscribed', 'outputStore up'])
    expect(other.receiver.log.slice(1)).toEqual(['subscribed', 'outputStore up'])
    await transport.publish({ name: 'another', id: '1' }, event('heard'))
    expect(receiver.bodies).toEqual(['heard'])
  })

  test('unsubscribe settles at once, and the topic is not restored', async () => {
    const { transport, receiver } = await standing()
    hub.disconnect()
    await transport.unsubscribe(name)
    hub.reconnect()
    await settle()
    await transport.publish(key, event('unheard'))
    expect(receiver.bodies).toEqual([])
  })

  test('recall answers Errors at once, also what is under way', async () => {
    jest.useFakeTimers()
    const { transport } = await standing()
    await transport.keeper.publish(key, event('kept'), 60_000)
    const underWay = transport.keeper.recall([key])
    hub.disconnect()
    expect(await underWay).toEqual([notSent])
    expect(await transport.keeper.recall([key, name as typeof key])).toEqual([notSent, notSent])
    expect(await attached().transport.keeper.recall([key])).toEqual([notSent])
    hub.reconnect()
    await settle()
    expect(await transport.keeper.recall([key])).toEqual([event('kept')])
    await transport.keeper.forget(key)
  })

  test('a transport made meanwhile comes up, for the first time, when the hub is back', async () => {
    hub.disconnect()
    const { transport, receiver } = attached()
    const connected = watch(transport.connect())
    await settle()
    expect(receiver.log).toEqual(['inputStore the hub is disconnected, until its reconnect()'])
    expect(connected.now).toBe('pending')
    hub.reconnect()
    await settle()
    expect(receiver.log.slice(1)).toEqual(['inputStore up'])
    expect(connected.now).toBeUndefined()
  })

  test('from within a delivery: who was still to hear it does not', async () => {
    const first = await standing()
    const second = await standing()
    first.receiver.onDeliver = () => {
      hub.disconnect()
    }
    await first.transport.publish(key, event('cut'))
    expect([first, second].map(({ receiver }) => receiver.bodies)).toEqual([['cut'], []])
  })

  test('again, before anything came to stand again: nothing does', async () => {
    const { transport, receiver } = await standing()
    hub.disconnect()
    const published = watch(transport.publish(key, event('waits')))
    hub.reconnect()
    hub.disconnect()
    await settle()
    expect(published.now).toBe('pending')
    expect(receiver.log.sort()).toEqual(['inputStore down', 'outputStore down'])
    hub.reconnect()
    await settle()
    expect(published.now).toBeUndefined()
    expect(receiver.log.slice(2)).toEqual(['inputStore up', 'outputStore up'])
  })

  test('from within the news that it is up: what waited goes on waiting', async () => {
    const { transport, receiver } = attached()
    receiver.onState = (_store, up) => {
      if (up) hub.disconnect()
    }
    const published = watch(transport.publish(key, event('waits')))
    await settle()
    expect([published.now, ...receiver.log]).toEqual(['pending', 'inputStore up', 'inputStore down'])
  })

  test('or a close, by what settles at a reconnect: that it was up is not told', async () => {
    for (const end of [() => hub.disconnect(), (transport: MemoryTransport) => transport.close()]) {
      hub.reconnect()
      const { transport, receiver } = await standing()
      hub.disconnect()
      void transport.publish(key, event('waits')).then(() => end(transport))
      hub.reconnect()
      await settle()
      expect(receiver.log.sort()).toEqual(['inputStore down', 'outputStore down'])
    }
  })

  test('and reconnect, after a close: nothing is told', async () => {
    const { transport, receiver } = await standing()
    await transport.close()
    hub.disconnect()
    hub.reconnect()
    await settle()
    expect(receiver.log).toEqual([])
  })

  test('a close meanwhile rejects what waits, leaves no timer, and nothing is told any more', async () => {
    jest.useFakeTimers()
    const { transport, receiver } = await standing()
    hub.disconnect()
    const calls = [
      transport.connect(),
      transport.publish(key, event('late')),
      transport.subscribe({ name: 'another' }),
      transport.keeper.publish(key, event('late'), 60_000),
      transport.keeper.forget(key),
    ].map(watch)
    hub.reconnect()
    hub.disconnect()
    const told = receiver.log.length
    await transport.close()
    await settle()
    expect(calls.map(({ now }) => now)).toEqual(Array(5).fill(expect.any(ClosedError)))
    expect(jest.getTimerCount()).toBe(0)
    hub.reconnect()
    await settle()
    expect(receiver.log).toHaveLength(told)
  })
})

describe('to a service', () => {
  test('an event meanwhile is missed, a kept one recalled', async () => {
    const { events: api } = serverEvents({ listen: ['plain', 'kept'], keep: { kept: 60_000 } })
    const { events: worker } = serverEvents({ keep: { kept: 60_000 } })
    await api.init()
    const [plain, kept] = [api.on('plain', 1, 300), api.on('kept', 1, 5_000)].map(watch)
    await settle()
    hub.disconnect()
    const emits = [worker.emit('plain', 1, 'missed'), worker.emit('kept', 1, 'recalled')]
    hub.reconnect()
    await Promise.all(emits)
    await expect(api.on('kept', 1)).resolves.toEqual(['recalled'])
    expect(kept?.now).toEqual(['recalled'])
    await expect(api.on('plain', 1, 400)).rejects.toMatchObject({ code: 'ERR_TIMEOUT', subscribed: true })
    expect(plain?.now).toMatchObject({ code: 'ERR_TIMEOUT' })
    await api.forget('kept', 1)
  })

  test('an emit rejects in the end, and is told', async () => {
    jest.useFakeTimers()
    const { events, told } = serverEvents()
    hub.disconnect()
    const emit = watch(events.emit('report', 1))
    await settle()
    jest.advanceTimersByTime(5_000)
    await settle()
    expect(emit.now).toEqual(notSent)
    expect(told).toEqual([notSent])
  })

  test('init rejects after initTimeout with what is wrong', async () => {
    jest.useFakeTimers()
    const { events } = serverEvents({ initTimeout: 1_000 })
    hub.disconnect()
    const init = watch(events.init())
    await settle()
    jest.advanceTimersByTime(1_000)
    await settle()
    expect(init.now).toMatchObject({ code: 'ERR_CONNECTION', message: expect.stringContaining('hub is disconnected') })
  })
})

describe('latency', () => {
  beforeEach(() => jest.useFakeTimers())

  /** Pends 1 ms before its time, and settles at it. */
  async function expectAt<T>(ms: number, call: Promise<T>): Promise<unknown> {
    const watched = watch(call)
    await settle()
    jest.advanceTimersByTime(ms - 1)
    await settle()
    expect(watched.now).toBe('pending')
    jest.advanceTimersByTime(1)
    await settle()
    expect(watched.now).not.toBe('pending')
    return watched.now
  }

  test('everything takes its time, and not more', async () => {
    const { transport, receiver } = attached()
    hub.latency = 40
    await expectAt(40, transport.connect())
    await expectAt(40, transport.subscribe(name))
    expect(receiver.log).toEqual(['inputStore up', 'outputStore up'])
    await expectAt(40, transport.publish(key, event('plain')))
    expect(receiver.bodies).toEqual(['plain'])
    await expectAt(40, transport.keeper.publish(key, event('kept'), 60_000))
    expect(receiver.bodies).toEqual(['plain', 'kept'])
    expect(await expectAt(40, transport.keeper.recall([key]))).toEqual([event('kept')])
    await expectAt(40, transport.keeper.forget(key))
    expect(await expectAt(40, transport.keeper.recall([key]))).toEqual([undefined])
    expect(jest.getTimerCount()).toBe(0)
  })

  test('what is emitted before a subscription has arrived is missed', async () => {
    const { transport, receiver } = attached()
    hub.latency = 40
    const subscribed = transport.subscribe(name)
    jest.advanceTimersByTime(39)
    hub.latency = 0
    await attached().transport.publish(key, event('missed'))
    jest.advanceTimersByTime(1)
    await subscribed
    await attached().transport.publish(key, event('heard'))
    expect(receiver.bodies).toEqual(['heard'])
  })

  test('no publish overtakes an earlier one when it gets shorter', async () => {
    const { receiver } = await standing()
    const { transport } = attached()
    hub.latency = 40
    const slow = transport.publish(key, event('1'))
    hub.latency = 20
    void transport.publish(key, event('2'))
    hub.latency = 0
    const fast = watch(transport.publish(key, event('3')))
    await settle()
    jest.advanceTimersByTime(39)
    await settle()
    expect(fast.now).toBe('pending')
    jest.advanceTimersByTime(1)
    await slow
    await settle()
    expect(receiver.bodies).toEqual(['1', '2', '3'])
  })

  test('a reconnect takes it too', async () => {
    const { receiver } = await standing()
    hub.disconnect()
    hub.latency = 40
    hub.reconnect()
    jest.advanceTimersByTime(39)
    await settle()
    expect(receiver.log.sort()).toEqual(['inputStore down', 'outputStore down'])
    jest.advanceTimersByTime(1)
    await settle()
    expect(receiver.log.slice(2)).toEqual(['inputStore up', 'outputStore up'])
  })

  test('a recall under way at a disconnect answers at once', async () => {
    const { transport } = await standing()
    hub.latency = 40
    const recalled = transport.keeper.recall([key])
    hub.disconnect()
    expect(await recalled).toEqual([notSent])
    expect(jest.getTimerCount()).toBe(0)
  })

  test('a close rejects what is under way, and leaves no timer', async () => {
    const { transport } = await standing()
    hub.disconnect()
    hub.latency = 40
    hub.reconnect()
    const calls = [transport.publish(key, event('late')), transport.subscribe({ name: 'another' })].map(watch)
    await transport.close()
    await settle()
    expect(calls.map(({ now }) => now)).toEqual(Array(2).fill(expect.any(ClosedError)))
    expect(jest.getTimerCount()).toBe(0)
  })

  test.each([-1, 0.5, NaN, Infinity, 2 ** 31, '5', null])('%p is refused', (wrong) => {
    hub.latency = 3
    expect(() => {
      hub.latency = wrong as number
    }).toThrow(InvalidArgumentError)
    expect(hub.latency).toBe(3)
  })
})
