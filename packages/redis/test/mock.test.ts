import type { EventEmitter } from 'node:events'
import RedisMock from 'ioredis-mock'
import { UnsupportedError } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { RecordingReceiver, event, outcome } from './support'

// The mock keeps its world per host and port.
let port = 20_000
function world(options: RedisTransportOptions = {}): () => { transport: RedisTransport; receiver: RecordingReceiver } {
  const client = new RedisMock({ host: 'mock', port: ++port })
  return () => {
    const transport = new RedisTransport(client, options)
    const receiver = new RecordingReceiver()
    transport.attach(receiver)
    return { transport, receiver }
  }
}

test('two transports on one mock hear each other, bodies intact', async () => {
  const make = world()
  const [a, b] = [make(), make()]
  await a.transport.connect()
  await b.transport.subscribe({ name: 'a:*' })
  const bodies = ['[1]', 'a\nb', '🦕', new Uint8Array([0, 255])]
  await Promise.all(bodies.map((body, i) => a.transport.publish({ name: 'a:*', id: `${i}:%` }, event(body as string))))
  await b.receiver.arrived('3:%')
  expect(b.receiver.delivered.map(({ message }) => message.body)).toStrictEqual(bodies)
  expect(a.receiver.ids).toEqual([])
  expect(a.receiver.states('inputStore')).toEqual([true])
  expect(b.receiver.states('outputStore')).toEqual([true])
  await a.transport.close()
  await b.transport.close()
})

test('it hears itself, but never inside publish or subscribe', async () => {
  const { transport, receiver } = world()()
  await transport.subscribe({ name: 'a' })
  let inside = true
  const deliver = jest.spyOn(receiver, 'deliver').mockImplementation(() => expect(inside).toBe(false))
  const published = transport.publish({ name: 'a', id: '1' }, event('[]'))
  inside = false
  await published
  await new Promise(setImmediate)
  expect(deliver).toHaveBeenCalledTimes(1)
  await transport.close()
})

test('nor inside a publish that fills a frame, which leaves at once', async () => {
  const { transport, receiver } = world()()
  await transport.subscribe({ name: 'a' })
  await transport.connect()
  let inside = true
  const deliver = jest.spyOn(receiver, 'deliver').mockImplementation(() => expect(inside).toBe(false))
  const published = Array.from({ length: 300 }, (_, i) => transport.publish({ name: 'a', id: `${i}` }, event('[]')))
  inside = false
  await Promise.all(published)
  await new Promise(setImmediate)
  expect(deliver).toHaveBeenCalledTimes(300)
  await transport.close()
})

test('after unsubscribe, and after close, nothing is heard', async () => {
  const make = world()
  const [a, b, c] = [make(), make(), make()]
  await a.transport.subscribe({ name: 'x' })
  await a.transport.unsubscribe({ name: 'x' })
  await b.transport.subscribe({ name: 'x' })
  await b.transport.close()
  await c.transport.subscribe({ name: 'x' })
  await c.transport.publish({ name: 'x', id: '1' }, event('[]'))
  await c.receiver.arrived('1')
  expect(a.receiver.ids).toEqual([])
  expect(b.receiver.ids).toEqual([])
  expect(await outcome(b.transport.publish({ name: 'x', id: '1' }, event('[]')))).toMatchObject({ code: 'ERR_CLOSED' })
  await a.transport.close()
  await c.transport.close()
})

test.each(['pattern', 'name', 'id'] as const)(
  'channels %p: waits and listeners hear each event once, kept ones are recalled',
  async (channels) => {
    const make = world({ channels })
    const [a, b] = [make(), make()]
    const keys = ['1', '*', ':%'].map((id) => ({ name: 'a:*', id }))
    await b.transport.subscribe({ name: 'a:*' })
    if (channels === 'id') await Promise.all(keys.map((key) => b.transport.subscribe(key)))
    await Promise.all(keys.map((key) => a.transport.keeper.publish(key, event('[1]', { kept: true }), 60_000)))
    await a.transport.publish({ name: 'a:*', id: 'sentinel' }, event('[]'))
    await b.receiver.arrived('sentinel')
    expect(b.receiver.ids).toEqual([...keys.map(({ id }) => id), 'sentinel'])
    expect(await b.transport.keeper.recall(keys)).toEqual(keys.map(() => expect.objectContaining({ body: '[1]' })))
    if (channels === 'id') {
      await b.transport.unsubscribe({ name: 'a:*' })
      await Promise.all([...keys, { name: 'a:*', id: 'other' }].map((key) => a.transport.publish(key, event('[2]'))))
      await a.transport.publish(keys[0]!, event('[]'))
      await new Promise(setImmediate)
      expect(b.receiver.ids.slice(4)).toEqual([...keys.map(({ id }) => id), '1'])
    }
    expect([...a.receiver.errors(), ...b.receiver.errors()]).toEqual([])
    await Promise.all([a.transport.close(), b.transport.close()])
  },
)

test('close silences more ids than one call can name', async () => {
  const { transport, receiver } = world({ channels: 'id' })()
  const ids = Array.from({ length: 130_000 }, (_, i) => `${i}`)
  await Promise.all(ids.map((id) => transport.subscribe({ name: 'a', id })))
  await transport.close()
  expect(receiver.errors()).toEqual([])
})

test('close leaves no listener behind in the mock, which would keep the client alive', async () => {
  const client = new RedisMock({ host: 'mock', port: ++port })
  const transport = new RedisTransport(client, { channels: 'id' })
  transport.attach(new RecordingReceiver())
  await transport.subscribe({ name: 'a' })
  await transport.subscribe({ name: 'a', id: '1' })
  const { channels, patternChannels } = client as unknown as Record<'channels' | 'patternChannels', EventEmitter>
  expect([...channels.eventNames(), ...patternChannels.eventNames()]).toEqual(['se:a:1', 'se:a:*'])
  await transport.close()
  expect([...channels.eventNames(), ...patternChannels.eventNames()]).toEqual([])
})

test('the client that was given is neither used nor closed', async () => {
  const client = new RedisMock({ host: 'mock', port: ++port })
  const transport = new RedisTransport(client)
  transport.attach(new RecordingReceiver())
  await transport.subscribe({ name: 'a' })
  await transport.close()
  await client.set('still', 'here')
  expect(await client.get('still')).toBe('here')
  expect((client as unknown as { subscriberMode: boolean }).subscriberMode).toBe(false)
})

test('a function that makes mocks, new ones and ones that are connected already', async () => {
  const mock = (options: object = {}): InstanceType<typeof RedisMock> =>
    new RedisMock({ host: 'mock', port, ...options })
  for (const factory of [
    () => mock(),
    () => mock({ lazyConnect: true }),
    async () => {
      const client = mock()
      await new Promise(setImmediate)
      return client
    },
  ]) {
    port++
    const transport = new RedisTransport(factory)
    const receiver = new RecordingReceiver()
    transport.attach(receiver)
    await transport.subscribe({ name: 'a' })
    await transport.publish({ name: 'a', id: '1' }, event('[]'))
    await receiver.arrived('1')
    await transport.close()
  }
})

test('its Cluster is a Cluster', () => {
  expect(() => new RedisTransport(new RedisMock.Cluster([]))).toThrow(UnsupportedError)
})
