import Redis from 'ioredis'
import type { Message } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { eventually, startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'
import { attached, event } from './support'
import type { RecordingReceiver } from './support'

let redis: RedisServer
let admin: Redis
beforeAll(async () => {
  redis = await startRedis()
  admin = new Redis(redis.url)
})
afterAll(async () => {
  admin.disconnect()
  await redis.stop()
})

function make(options: RedisTransportOptions = {}): { transport: RedisTransport; receiver: RecordingReceiver } {
  return attached(new RedisTransport(redis.url, { ...options, connectionName: 'ours' }))
}
const connections = async (): Promise<number> => (String(await admin.client('LIST')).match(/name=ours /g) ?? []).length

/** What is on the wire, seen by a plain client. */
async function sniff(): Promise<{ seen: [string, string][]; stop(): void }> {
  const client = new Redis(redis.url)
  const seen: [string, string][] = []
  client.on('pmessage', (_: string, channel: string, payload: string) => seen.push([channel, payload]))
  await client.psubscribe('*')
  return { seen, stop: () => client.disconnect() }
}

const names = [
  'a', 'a:b', 'a:', ':a', '*', 'a*', '?', '[a]', '[^a]', '{a}', '{', '%', '%3A', 'a%b', '\\', '\\*', '\n', 'a\tb', '\0', '🦕', 'ß',
  '__proto__', 'constructor', 'toString', ' ', 'x'.repeat(512), '🦕'.repeat(128),
] // prettier-ignore

test('nasty names and ids arrive exactly once and only where they belong, also after a reconnect', async () => {
  const { transport, receiver } = make()
  await transport.connect()
  await Promise.all(names.map((name) => transport.subscribe({ name })))
  await receiver.up('outputStore')
  for (const round of [1, 2]) {
    receiver.calls.length = 0
    await Promise.all(
      names.flatMap((name) => names.map((id) => transport.publish({ name, id }, event(JSON.stringify([name, id]))))),
    )
    await transport.publish({ name: 'a', id: 'sentinel' }, event('[]'))
    await receiver.arrived('sentinel')
    const seen = receiver.delivered.slice(0, -1).map(({ key, message }) => [key.name, key.id, message.body])
    const wanted = names.flatMap((name) => names.map((id) => [name, id, JSON.stringify([name, id])]))
    expect(seen.length).toBe(wanted.length)
    expect(new Set(seen.map(String))).toEqual(new Set(wanted.map(String)))
    expect(receiver.errors()).toEqual([])
    if (round === 1) {
      await admin.client('KILL', 'TYPE', 'pubsub')
      await receiver.up('outputStore')
    }
  }
})

test.each<Message>([
  { kind: 'event', body: '["ünïcödé 🦕"]', kept: false },
  { kind: 'event', body: 'a\nb\tc', kept: true, headers: { traceparent: '00-1', other: '\n' } },
  { kind: 'event', body: new Uint8Array([0, 10, 9, 255]), kept: false },
  { kind: 'failure', body: '{"name":"Error","message":"no"}', kept: true },
  { kind: 'event', body: JSON.stringify(['x'.repeat(1_000_000)]), kept: false },
])('a message arrives as it left', async (message) => {
  const a = make()
  const b = make()
  await b.transport.subscribe({ name: 'n' })
  await a.transport.publish({ name: 'n', id: '1' }, message)
  await b.receiver.arrived('1')
  expect(b.receiver.delivered).toStrictEqual([{ key: { name: 'n', id: '1' }, message }])
})

test('events of one tick leave as one PUBLISH a name, also from promise reactions; without batch each by itself', async () => {
  const { seen, stop } = await sniff()
  for (const batch of [true, false]) {
    seen.length = 0
    const { transport } = make({ batch })
    await transport.connect()
    const emits = [1, 2, 3].map((id) => transport.publish({ name: 'a', id: `${id}` }, event('[]')))
    emits.push(transport.publish({ name: 'b', id: '1' }, event('[]')))
    emits.push(Promise.resolve().then(() => Promise.resolve()).then(() => transport.publish({ name: 'a', id: '4' }, event('[]')))) // prettier-ignore
    await Promise.all(emits)
    await eventually(() => seen.length >= (batch ? 2 : 5))
    const lines = (numbers: number[]): string => `se2${numbers.map((id) => `\ne${id}\t\t[]`).join('')}`
    expect(seen).toEqual(
      batch
        ? [['se:a:', lines([1, 2, 3, 4])], ['se:b:', lines([1])]]
        : [1, 2, 3].map((id) => ['se:a:', lines([id])]).concat([['se:b:', lines([1])], ['se:a:', lines([4])]]),
    ) // prettier-ignore
  }
  stop()
})

test('an unwanted message is dropped, an unsubscribed name is silent on the wire, and can come back', async () => {
  const a = make()
  const b = make()
  b.receiver.wanted = ({ id }) => id !== 'unwanted'
  await b.transport.subscribe({ name: 'n' })
  await b.transport.subscribe({ name: 'other' })
  await a.transport.publish({ name: 'n', id: 'unwanted' }, event('[]'))
  await b.transport.unsubscribe({ name: 'n' })
  expect(await admin.call('PUBSUB', 'NUMPAT')).toBe(1)
  await a.transport.publish({ name: 'n', id: '1' }, event('[]'))
  await b.transport.subscribe({ name: 'n' })
  await a.transport.publish({ name: 'n', id: '2' }, event('[]'))
  await b.receiver.arrived('2')
  expect(b.receiver.ids).toEqual(['2'])
})

test('a process that only emits opens one connection, one that only waits too, and none before its first use', async () => {
  const { transport } = make()
  expect(await connections()).toBe(0)
  await transport.publish({ name: 'n', id: '1' }, event('[]'))
  expect(await connections()).toBe(1)
  await transport.subscribe({ name: 'n' })
  expect(await connections()).toBe(2)
  await transport.close()
  await eventually(async () => (await connections()) === 0)
  await make().transport.subscribe({ name: 'n' })
  expect(await connections()).toBe(1)
})

test('prefixes separate, also when one begins like the other', async () => {
  const long = make({ prefix: 'se:n:' })
  const short = make({ prefix: 'se:' })
  await Promise.all([short, long].map(({ transport }) => transport.subscribe({ name: 'n' })))
  await long.transport.publish({ name: 'n', id: 'long' }, event('[]'))
  await short.transport.publish({ name: 'n', id: 'short' }, event('[]'))
  await short.receiver.arrived('short')
  await long.receiver.arrived('long')
  expect(short.receiver.ids).toEqual(['short'])
  expect(long.receiver.ids).toEqual(['long'])
  expect([...short.receiver.errors(), ...long.receiver.errors()]).toEqual([])
})

test('garbage on our channels is reported, by name, and nothing else happens', async () => {
  const { transport, receiver } = make()
  await transport.subscribe({ name: 'n' })
  const garbage: (string | Buffer)[] = [
    '', 'hello', '{}', '["n","1"]', 'se2\ne1', 'se3\n', '\0\u0001', 'x'.repeat(5_000_000), `se2${'\n'.repeat(100_000)}`,
    Buffer.from([0xff, 0xfe, 0, 10, 9]), Buffer.concat([Buffer.from('se2\ne'), Buffer.from([0xc3, 0x28, 9])]),
  ] // prettier-ignore
  for (const payload of garbage) await admin.publish('se:n:', payload)
  await admin.publish('se:n:%zz', 'se2\ne1\t\t[]')
  await admin.publish(Buffer.from([...Buffer.from('se:n:'), 0xff]), 'se2\ne1\t\t[]')
  await transport.publish({ name: 'n', id: 'sentinel' }, event('[]'))
  await receiver.arrived('sentinel')
  expect(receiver.ids).toEqual(['sentinel'])
  const errors = receiver.errors('outputStore')
  expect(errors).toHaveLength(garbage.length + 2)
  for (const error of errors) expect(error.message).toContain('"n"')
  expect(new Set(errors.map((error) => (error as Error & { code: string }).code))).toEqual(
    new Set(['ERR_SERIALIZATION', 'ERR_UNSUPPORTED']),
  )
  expect(receiver.states('outputStore')).toEqual([true])
})

test('what a codec cannot put on the wire rejects that emit only', async () => {
  const { transport } = make({ wire: '1.x' })
  await expect(
    transport.publish({ name: 'n', id: '1' }, { kind: 'event', body: new Uint8Array(1) }),
  ).rejects.toMatchObject({
    code: 'ERR_UNSUPPORTED',
  })
  await expect(transport.subscribe({ name: 'se:n' })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
  await transport.unsubscribe({ name: 'se:n' })
  await transport.publish({ name: 'n', id: '1' }, event('[]'))
})
