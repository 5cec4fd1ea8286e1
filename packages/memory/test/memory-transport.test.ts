import { ClosedError, InvalidArgumentError } from 'server-events'
import type { Message } from 'server-events'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { ScriptedReceiver } from './scripted-receiver'

const key = { name: 'report', id: '7' }
const name = { name: 'report' }

let hub: MemoryHub
const open: MemoryTransport[] = []

beforeEach(() => {
  hub = new MemoryHub()
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((transport) => transport.close()))
})

function attached(options: ConstructorParameters<typeof MemoryTransport>[0] = { hub }) {
  const transport = new MemoryTransport(options)
  const receiver = new ScriptedReceiver()
  transport.attach(receiver)
  open.push(transport)
  return { transport, receiver }
}

function event(body: Message['body'] = 'body'): Message {
  return { kind: 'event', body }
}

describe('attaching and options', () => {
  test('a subscription without a receiver is refused', async () => {
    await expect(new MemoryTransport({ hub }).subscribe(name)).rejects.toThrow(InvalidArgumentError)
  })

  test('unknown options and what is no hub are refused', () => {
    for (const wrong of [{ hubs: hub }, { hub, prefix: 'a' }, { hub: {} }, { hub: null }, 'hub', 1, null]) {
      expect(() => new MemoryTransport(wrong as any)).toThrow(InvalidArgumentError)
    }
    expect(() => new MemoryTransport({ prefix: 'a' } as any)).toThrow(
      'MemoryTransport has no option "prefix", only hub and routing',
    )
  })
})

describe('hubs', () => {
  test('transports of one process hear each other unless a hub isolates them', async () => {
    const one = attached({})
    const two = attached({})
    const apart = attached()
    for (const { transport } of [one, two, apart]) await transport.subscribe(name)
    await one.transport.publish(key, event('default'))
    await apart.transport.publish(key, event('apart'))
    expect([one, two, apart].map(({ receiver }) => receiver.bodies)).toEqual([['default'], ['default'], ['apart']])
  })
})

describe('subscriptions', () => {
  test('of an id covers that id and nothing else', async () => {
    const { transport, receiver } = attached()
    await transport.subscribe({ name: 'a', id: 'b:c' })
    for (const id of ['b:c', 'b', 'B:c', 'b:c:']) await transport.publish({ name: 'a', id }, event())
    expect(receiver.keys).toEqual([{ name: 'a', id: 'b:c' }])
  })

  test('topics that overlap deliver once, and each stands without the other', async () => {
    const { transport, receiver } = attached()
    await transport.subscribe(name)
    await transport.subscribe(key)
    await transport.publish(key, event('both'))
    await transport.unsubscribe(name)
    await transport.publish(key, event('id'))
    await transport.publish({ ...key, id: '8' }, event('nobody'))
    await transport.subscribe(name)
    await transport.unsubscribe(key)
    await transport.publish(key, event('name'))
    expect(receiver.bodies).toEqual(['both', 'id', 'name'])
  })

  test('unsubscribe takes the topic out synchronously, and one never subscribed is fine', async () => {
    const { transport, receiver } = attached()
    await transport.unsubscribe(name)
    await transport.subscribe(name)
    const published = transport.publish(key, event())
    void transport.unsubscribe(name)
    await published
    expect(receiver.bodies).toEqual([])
    await transport.subscribe(name)
    await transport.publish(key, event('again'))
    expect(receiver.bodies).toEqual(['again'])
  })

  test('a receiver that wants no message of a key gets none', async () => {
    const { transport, receiver } = attached()
    receiver.wanted = ({ id }) => id === '8'
    await transport.subscribe(name)
    await transport.publish(key, event('unwanted'))
    await transport.publish({ ...key, id: '8' }, event('wanted'))
    expect(receiver.bodies).toEqual(['wanted'])
  })
})

describe('delivery', () => {
  test('a publish from within a delivery is delivered after it, not inside it', async () => {
    const { transport, receiver } = attached()
    const steps: string[] = []
    receiver.onDeliver = (_key, { body }) => {
      steps.push(`begin ${String(body)}`)
      if (body === '1') void transport.publish(key, event('2'))
      steps.push(`end ${String(body)}`)
    }
    await transport.subscribe(name)
    await transport.publish(key, event('1'))
    await transport.publish(key, event('3'))
    expect(steps).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3'])
  })

  test.each(['plain', 'kept'])('nothing is shared with the publisher or a peer: %s', async (kind) => {
    const one = attached()
    const two = attached()
    for (const { transport, receiver } of [one, two]) {
      await transport.subscribe(name)
      receiver.onDeliver = (gotKey, got) => {
        receiver.log.push(Buffer.from(got.body as Uint8Array).toString() + got.headers!['a']! + gotKey.id)
        ;(got.body as Uint8Array).fill(0)
        ;(got.headers as Record<string, string>)['a'] = 'changed'
        ;(gotKey as { id: string }).id = 'changed'
      }
    }
    const body = Buffer.from('body')
    const headers = { a: 'A' }
    const message: Message = { kind: 'event', body, headers }
    const { transport } = one
    const published = kind === 'plain' ? transport.publish(key, message) : transport.keeper.publish(key, message, 1_000)
    body.fill(1)
    headers.a = 'changed'
    await published
    expect(one.receiver.log).toContain('bodyA7')
    expect(two.receiver.log).toContain('bodyA7')
  })

  test('nothing is shared with who recalls', async () => {
    const { transport } = attached()
    await transport.keeper.publish(key, { kind: 'event', body: new Uint8Array([1]), headers: { a: 'A' } }, 1_000)
    const recall = async () => (await transport.keeper.recall([key]))[0] as Message
    const recalled = await recall()
    ;(recalled.body as Uint8Array).fill(2)
    ;(recalled.headers as Record<string, string>)['a'] = 'changed'
    expect(await recall()).toEqual({ kind: 'event', body: new Uint8Array([1]), headers: { a: 'A' } })
    await transport.keeper.forget(key)
  })
})

describe('close', () => {
  test('what was called just before never takes effect: it rejects', async () => {
    const { transport, receiver } = attached()
    const other = attached()
    await other.transport.subscribe(name)
    const calls = [
      transport.connect(),
      transport.subscribe(name),
      transport.publish(key, event()),
      transport.keeper.publish(key, event(), 1_000),
    ]
    await transport.close()
    for (const call of calls) await expect(call).rejects.toThrow(ClosedError)
    await other.transport.publish(key, event('sentinel'))
    expect(other.receiver.bodies).toEqual(['sentinel'])
    expect(receiver.log).toEqual([])
    expect(await other.transport.keeper.recall([key])).toEqual([undefined])
  })

  test('a message on its way is not delivered to who closed meanwhile', async () => {
    const { transport, receiver } = attached()
    const other = attached().transport
    await transport.subscribe(name)
    const published = other.publish(key, event())
    await transport.close()
    await published
    expect(receiver.bodies).toEqual([])
  })
})

test('nothing is heard before its own subscription stands, though another name is subscribed', async () => {
  const receiver = new ScriptedReceiver()
  const [subscriber, publisher] = [new MemoryTransport({ hub }), new MemoryTransport({ hub })]
  subscriber.attach(receiver)
  publisher.attach(new ScriptedReceiver())
  await subscriber.subscribe({ name: 'first' })
  hub.latency = 30
  const subscribed = subscriber.subscribe({ name: 'second' })
  const removed = subscriber.subscribe({ name: 'removed' })
  await subscriber.unsubscribe({ name: 'removed' })
  hub.latency = 0
  for (const name of ['second', 'first']) await publisher.publish({ name, id: '1' }, { kind: 'event', body: '[]' })
  expect(receiver.keys.map((heard) => heard.name)).toEqual(['first'])
  await Promise.all([subscribed, removed])
  for (const name of ['removed', 'second']) await publisher.publish({ name, id: '2' }, { kind: 'event', body: '[]' })
  expect(receiver.keys.map((heard) => heard.name)).toEqual(['first', 'second'])
  await Promise.all([subscriber.close(), publisher.close()])
})
