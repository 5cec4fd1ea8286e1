import { inspect } from 'node:util'
import { eventually } from '@server-events/testing'
import { AuthError, UnsupportedError } from 'server-events'
import type { Link } from 'server-events/transport-kit'
import { closeAll, event, open, rejection } from './support'
import { Faults, ToyDriver } from './toy-driver'

const key = { name: 'report', id: '42' }

let faults: Faults

beforeEach(() => {
  faults = new Faults()
})

afterEach(async () => {
  faults.frozen = false
  await closeAll()
})

/** From now on the connections that stand say nothing, while new ones work: what a NAT does that forgets a flow. */
function blackhole(): void {
  for (const connection of faults.broker.connections) {
    const link = connection as unknown as Link
    for (const method of ['publish', 'subscribe', 'unsubscribe', 'ping'] as const)
      link[method] = () => new Promise(() => {})
    Object.assign(link.store!, { set: () => new Promise(() => {}), get: () => new Promise(() => {}) })
  }
}

describe('a connection that is dead without saying so', () => {
  test.each([
    ['plain', false],
    ['kept', true],
  ])('costs a %s emit half of its time: it is sent again on a new one', async (_, kept) => {
    const { transport, receiver } = open(faults, { publishTimeout: 400 })
    await transport.subscribe(key)
    await transport.connect()
    blackhole()
    await (kept ? transport.keeper?.publish(key, event('here'), 60_000) : transport.publish(key, event('here')))
    await eventually(() => receiver.bodies.length > 0)
    expect(receiver.bodies).toEqual(['here'])
    expect(receiver.downs('inputStore')).toBe(1)
    expect(receiver.causes[0]?.message).toContain('did not answer an emit within 200 ms: the connection is replaced')
    if (kept) expect(await transport.keeper?.recall([key])).toEqual([event('here')])
  })

  test('costs a kept emit no more if something was heard since the store was asked', async () => {
    const { transport, receiver } = open(faults, { publishTimeout: 800 })
    await transport.subscribe(key)
    await transport.connect()
    const [link] = [...faults.broker.connections] as unknown as Link[]
    Object.assign(link!.store!, { set: () => new Promise(() => {}) })
    const kept = transport.keeper!.publish(key, event('here'), 60_000)
    await transport.publish({ name: 'other', id: '1' }, event('heard'))
    blackhole()
    await kept
    await eventually(() => receiver.bodies.includes('here'))
    expect(receiver.downs('inputStore')).toBe(1)
  })

  test('costs a lookup half of its time, and the next one is answered', async () => {
    const { transport, receiver } = open(faults, { publishTimeout: 800 })
    await transport.keeper!.publish(key, event('here'), 60_000)
    blackhole()
    expect(await transport.keeper!.recall([key])).toEqual([expect.objectContaining({ code: 'ERR_CONNECTION' })])
    expect(receiver.downs('inputStore')).toBe(1)
    expect(receiver.causes.map(String)).toContainEqual(
      expect.stringContaining('did not answer a lookup within 400 ms: the connection is replaced'),
    )
    await eventually(async () => ((await transport.keeper!.recall([key]))[0] as { body?: string }).body === 'here')
  })

  test('is not to be confused with a store that answers no lookup: the connection stays', async () => {
    const { transport, receiver } = open(faults, { publishTimeout: 200, heartbeat: 50 })
    await transport.connect()
    const [link] = [...faults.broker.connections] as unknown as Link[]
    Object.assign(link!.store!, { get: () => new Promise(() => {}) })
    expect(await transport.keeper!.recall([key])).toEqual([expect.objectContaining({ code: 'ERR_CONNECTION' })])
    expect(receiver.downs('inputStore')).toBe(0)
  })

  test('is found by the heartbeat although nothing is asked, on both sides', async () => {
    const { transport, receiver } = open(faults, { heartbeat: 300 }, new ToyDriver(faults, 'id', 'right', true))
    await transport.subscribe(key)
    await transport.connect()
    blackhole()
    await eventually(() => receiver.downs('inputStore') > 0 && receiver.downs('outputStore') > 0)
    await eventually(async () => {
      await transport.publish(key, event('again'))
      return receiver.bodies.includes('again')
    })
  })

  test('makes one interruption of a frozen broker, and an uncertain emit in its time', async () => {
    const { transport, receiver } = open(faults, { publishTimeout: 200, heartbeat: 50 })
    await transport.connect()
    faults.frozen = true
    const error = await rejection(transport.publish(key, event('secret')))
    expect(error).toMatchObject({ code: 'ERR_UNCERTAIN' })
    expect(error.message).toContain('event "report" with id "42" was not acknowledged within 200 ms')
    expect(receiver.downs('inputStore')).toBe(1)
  })

  test('a subscription that is not answered replaces it, and stands on the next one', async () => {
    const { transport, receiver } = open(faults, { subscribeTimeout: 60 })
    await transport.subscribe({ name: 'other' })
    blackhole()
    await transport.subscribe(key)
    expect(receiver.causes[0]?.message).toContain('did not answer a subscription within 60 ms')
    await transport.publish(key, event('heard'))
    await eventually(() => receiver.bodies.includes('heard'))
  })
})

describe('bytes are life', () => {
  /** Answers nothing while it counts. */
  class Slow extends ToyDriver {
    bytes = 0
    override async dial(...args: Parameters<ToyDriver['dial']>): Promise<Link> {
      const link = await super.dial(...args)
      link.bytesRead = () => this.bytes
      return link
    }
  }

  test('a connection on which they trickle is not replaced, whatever is unanswered', async () => {
    const driver = new Slow(faults)
    const { transport, receiver } = open(faults, { heartbeat: 40, publishTimeout: 200, subscribeTimeout: 40 }, driver)
    await transport.subscribe(key)
    faults.frozen = true
    const trickle = setInterval(() => driver.bytes++, 5)
    const subscribed = transport.subscribe({ name: 'late' })
    const late = await rejection(transport.publish(key, event('late')))
    expect(late).toMatchObject({ code: 'ERR_UNCERTAIN' })
    expect(receiver.log.filter((line) => line.includes('down'))).toEqual([])
    faults.frozen = false
    await subscribed
    clearInterval(trickle)
  })
})

describe('no storms', () => {
  test('wrong credentials answer all who ask while a backoff runs, and are tried again later', async () => {
    const { transport } = open(faults, {}, new ToyDriver(faults, 'id', 'wrong'))
    const asked: Promise<unknown>[] = []
    const until = performance.now() + 1_000
    while (performance.now() < until) {
      asked.push(rejection(transport.publish(key, event('1'))), rejection(transport.subscribe(key)))
      await asked.at(-1)
    }
    for (const error of await Promise.all(asked)) expect(error).toBeInstanceOf(AuthError)
    expect(asked.length).toBeGreaterThan(100)
    expect(faults.dials).toBeGreaterThan(1)
    expect(faults.dials).toBeLessThan(12)
  })

  test('a connection that is cut as soon as it stands is made ever less often', async () => {
    const { transport, receiver } = open(faults)
    const cut = setInterval(() => faults.broker.interrupt(), 1)
    await transport.connect()
    await eventually(() => receiver.downs('inputStore') >= 4)
    const began = performance.now()
    const { dials } = faults
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    clearInterval(cut)
    // After four, the next delay is at least 400 ms.
    expect(faults.dials - dials).toBeLessThanOrEqual(Math.ceil((performance.now() - began) / 400))
  })

  test('an emit that makes the broker hang up is sent a few times, and the others go through', async () => {
    const { transport } = open(faults)
    await transport.connect()
    faults.poison = 'poison'
    const poisoned = rejection(transport.publish(key, event('poison')))
    const emits = Array.from({ length: 40 }, (_, index) =>
      transport.publish({ name: index % 2 ? 'report' : 'other', id: String(index) }, event(`innocent ${index}`)),
    )
    await Promise.all(emits)
    const error = await poisoned
    expect(error).toMatchObject({ code: 'ERR_UNCERTAIN' })
    expect(error.message).toContain('each one was lost when it was sent')
    expect(faults.published('poison')).toBeLessThanOrEqual(4)
    expect(faults.dials).toBeLessThanOrEqual(6)
  })

  test('one report of a broker that closes idle connections: then they do not idle for so long', async () => {
    const { transport, receiver } = open(faults, { heartbeat: 20_000 })
    await transport.connect()
    let used = performance.now()
    const watch = setInterval(() => {
      const { length } = faults.asked
      if (length !== seen) used = performance.now()
      seen = length
      if (performance.now() - used < 3_000) return
      used = performance.now()
      faults.broker.interrupt()
    }, 10)
    let seen = 0
    await eventually(() => receiver.downs('inputStore') === 1, { timeout: 10_000 })
    await new Promise((resolve) => setTimeout(resolve, 6_000))
    clearInterval(watch)
    expect(receiver.downs('inputStore')).toBe(1)
  })
})

describe('how much is held', () => {
  test('while there is no connection, maxQueued', async () => {
    faults.refusing = true
    const { transport, receiver } = open(faults, { maxQueued: 2, publishTimeout: 150 })
    const held = [event('1'), event('2')].map((message) => rejection(transport.publish(key, message)))
    const refused = await rejection(transport.publish(key, event('3')))
    expect(refused).toMatchObject({ code: 'ERR_CONNECTION', sent: false })
    expect(refused.message).toBe('no connection to toy at localhost:1: and 2 emits (maxQueued) are held already')
    for (const error of await Promise.all(held)) expect(error).toMatchObject({ code: 'ERR_CONNECTION', sent: false })
    expect(receiver.errors[0]?.message).toBe('no connection to toy at localhost:1: ECONNREFUSED')
    expect(inspect(receiver.errors, { depth: 9, showHidden: true })).not.toContain('password')
  })

  test('on a healthy broker a burst of one tick, whatever maxQueued is', async () => {
    const { transport } = open(faults, { maxQueued: 1, publishTimeout: 60_000 })
    await transport.connect()
    await Promise.all(Array.from({ length: 6_000 }, () => transport.publish(key, event('x'.repeat(2_000)))))
  })

  test('maxQueued more once it says nothing for two seconds, and as many again when it speaks', async () => {
    const { transport } = open(faults, { maxQueued: 2, publishTimeout: 10_000, heartbeat: 0 })
    await transport.connect()
    faults.frozen = true
    const burst = Array.from({ length: 10 }, () => transport.publish(key, event('x')))
    const more: Promise<unknown>[] = []
    await eventually(
      async () => {
        const emit = transport.publish(key, event('x'))
        const refused = await Promise.race([rejection(emit), new Promise((resolve) => setTimeout(resolve, 50))])
        if (refused) more.push(Promise.resolve(refused))
        else burst.push(emit)
        return refused !== undefined
      },
      { timeout: 5_000 },
    )
    expect(await more[0]).toMatchObject({ code: 'ERR_CONNECTION', sent: false })
    expect(String(await more[0])).toContain('2 emits (maxQueued) more are held')
    faults.frozen = false
    await Promise.all(burst)
    await Promise.all(Array.from({ length: 10 }, () => transport.publish(key, event('x'))))
  })

  test('maxUnanswered bytes in any case', async () => {
    const { transport } = open(faults, { maxUnanswered: 10_000 })
    await transport.connect()
    const [one, two] = [event('x'.repeat(6_000)), event('y'.repeat(6_000))]
    const first = transport.publish(key, one)
    const refused = await rejection(transport.publish(key, two))
    expect(refused).toMatchObject({ code: 'ERR_CONNECTION', sent: false })
    expect(refused.message).toContain('10000 bytes (maxUnanswered)')
    await first
    await transport.publish(key, two)
  })
})

describe('not now is not no', () => {
  test('on any path: it is asked again within its deadline, in order', async () => {
    const { transport, receiver } = open(faults)
    await transport.subscribe({ name: 'report' })
    await transport.keeper?.publish({ name: 'report', id: 'kept' }, event('kept'), 60_000)
    faults.busy = 'BUSY'
    const subscribed = transport.subscribe({ name: 'other' })
    const kept = transport.keeper?.publish(key, event('1'), 60_000)
    const plain = transport.publish(key, event('2'))
    const recalled = transport.keeper?.recall([{ name: 'report', id: 'kept' }])
    const forgotten = transport.keeper?.forget({ name: 'report', id: 'none' })
    await eventually(() => faults.asked.length > 12)
    faults.busy = undefined
    await Promise.all([subscribed, kept, plain, forgotten])
    expect(await recalled).toEqual([event('kept')])
    await eventually(() => receiver.bodies.includes('2'))
    expect(receiver.bodies).toEqual(['kept', '1', '2'])
    expect(receiver.log).toEqual(['outputStore up', 'inputStore up'])
  })

  test('until the deadline: then nothing was sent', async () => {
    const { transport } = open(faults, { publishTimeout: 150 })
    await transport.connect()
    faults.busy = 'LOADING'
    let error = await rejection(transport.publish(key, event('1')))
    // On a slow machine it may be asked once more just then, and the answer not be there.
    for (let tries = 1; error.code === 'ERR_UNCERTAIN' && tries < 10; tries++)
      error = await rejection(transport.publish(key, event('1')))
    expect(error).toMatchObject({ code: 'ERR_CONNECTION', sent: false })
    expect(error.message).toContain('refused it for now (LOADING)')
    expect(await transport.keeper?.recall([key])).toEqual([expect.objectContaining({ code: 'ERR_CONNECTION' })])
  })
})

describe('what is kept', () => {
  test('is published without being kept if only the store says nothing', async () => {
    const { transport, receiver } = open(faults, { publishTimeout: 400 })
    await transport.subscribe(key)
    faults.isStoreSilent = true
    const error = await rejection(transport.keeper!.publish(key, event('heard'), 60_000))
    expect(error).toMatchObject({ code: 'ERR_NOT_KEPT', cause: { code: 'ERR_CONNECTION' } })
    expect(receiver.bodies).toEqual(['heard'])
    expect(receiver.downs('inputStore')).toBe(0)
  })

  test('is neither kept nor published if it never can be', async () => {
    const { transport } = open(faults, {}, new ToyDriver(faults))
    await transport.connect()
    const [link] = [...faults.broker.connections] as unknown as Link[]
    Object.assign(link!.store!, { set: () => Promise.reject(new UnsupportedError('no store here')) })
    expect(await rejection(transport.keeper!.publish(key, event('1'), 1_000))).toMatchObject({
      code: 'ERR_UNSUPPORTED',
    })
    expect(faults.published()).toBe(0)
  })
})

test('what a caller does to its bytes after the call changes nothing', async () => {
  const { transport, receiver } = open(faults)
  await transport.subscribe(key)
  faults.broker.interrupt()
  const bytes = new Uint8Array([1, 2, 3])
  const emitted = transport.publish(key, event(bytes))
  bytes.fill(9)
  await emitted
  await eventually(() => receiver.bodies.length === 1)
  expect(receiver.bodies[0]).toEqual(new Uint8Array([1, 2, 3]))
})

test('an emit that was held during an outage finds the wait of its own instance', async () => {
  const { transport, receiver } = open(faults)
  await transport.subscribe(key)
  await transport.connect()
  for (let round = 0; round < 6; round++) {
    faults.broker.interrupt()
    await transport.publish(key, event(String(round)))
    await eventually(() => receiver.bodies.includes(String(round)))
  }
})

test('a driver whose close never settles does not hold up close for more than a second', async () => {
  const { transport } = open(faults)
  await transport.connect()
  const [link] = [...faults.broker.connections] as unknown as Link[]
  link!.close = () => new Promise(() => {})
  const began = performance.now()
  await transport.close()
  expect(performance.now() - began).toBeLessThan(3_000)
})

describe('a broker that closes what idles', () => {
  const idle = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 1_100))

  test.each([
    ['a connection for each side', true],
    ['one for both', false],
  ])(
    '%s: of a publisher that nobody uses there is one report, and one more if there is no next connection',
    async (_, separate) => {
      const { transport, receiver } = open(faults, { heartbeat: 0 }, new ToyDriver(faults, 'id', 'right', separate))
      await transport.publish(key, event('1'))
      for (let round = 0; round < 3; round++) {
        await idle()
        const { dials } = faults
        faults.broker.interrupt()
        await eventually(() => faults.dials > dials && faults.broker.connections.size > 0)
      }
      await transport.publish(key, event('2'))
      expect(receiver.log).toEqual(['inputStore up', 'inputStore down', 'inputStore up'])
      await idle()
      faults.refusing = true
      faults.broker.interrupt()
      await eventually(() => receiver.downs('inputStore') === 2)
    },
  )

  test('of one that was used just now each is told, and so is one that is replaced', async () => {
    const { transport, receiver } = open(faults, { heartbeat: 0 })
    for (let round = 1; round <= 2; round++) {
      await transport.publish(key, event('1'))
      faults.broker.interrupt()
      await eventually(() => receiver.ups('inputStore') === round + 1)
    }
  })
})
