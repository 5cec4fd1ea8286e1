import { connect } from '@nats-io/transport-node'
import type { NatsConnection } from '@nats-io/transport-node'
import { Kvm } from '@nats-io/kv'
import { ServerEvents } from 'server-events'
import type { EventKey, Message, Once } from 'server-events'
import { NatsTransport } from '@server-events/nats'
import { eventually, startNats, startProxy } from '@server-events/testing'
import type { NatsServer } from '@server-events/testing'
import { closeAll, event, open, rejection, sentinel } from './support'

let nats: NatsServer
let admin: NatsConnection

beforeAll(async () => {
  nats = await startNats()
  admin = await connect({ servers: `127.0.0.1:${nats.port}` })
})

afterEach(closeAll)

afterAll(async () => {
  await admin.close()
  await nats.stop()
})

const settled = { code: 'ERR_ALREADY_SETTLED' }
const name = 'report'

const onceOf =
  ({ kind, body }: Message): Once =>
  (held) =>
    held.kind === kind && held.body === body ? 'same' : 'other'

function keep(transport: NatsTransport, key: EventKey, message: Message, ms = 60_000): Promise<void> {
  return transport.keeper!.publish(key, message, ms, onceOf(message))
}

test('a worker that crashed between store and announcement: who comes next announces what holds', async () => {
  const key = { name, id: 'crashed' }
  const { transport, receiver } = open(nats)
  await transport.subscribe(key)
  await keep(transport, { name, id: 'first' }, event('makes the bucket'))
  const bucket = await new Kvm(admin).open('se_kept')
  await bucket.put('se.report.crashed', 'approved')
  expect(await rejection(keep(transport, key, event('rejected')))).toMatchObject(settled)
  await eventually(() => receiver.bodies.length > 0)
  expect(receiver.bodies).toEqual(['approved'])
})

test('an answer that is swallowed, then a cut: it is stored already, which is the same outcome', async () => {
  const key = { name, id: 'swallowed' }
  const peer = open(nats)
  await peer.transport.subscribe(key)
  await keep(peer.transport, { name, id: 'first' }, event('makes the bucket'))
  const proxy = await startProxy(nats)
  try {
    const { transport } = open(proxy)
    await keep(transport, { name, id: 'before' }, event('opens the bucket'))
    proxy.blackhole('down')
    const kept = keep(transport, key, event('approved'))
    const bucket = await new Kvm(admin).open('se_kept')
    await eventually(async () => (await bucket.get('se.report.swallowed')) !== null)
    proxy.heal()
    proxy.cut()
    await kept
    await eventually(() => peer.receiver.bodies.length > 0)
    expect(peer.receiver.bodies).toEqual(['approved'])
  } finally {
    await proxy.close()
  }
})

test('what was forgotten, purged by the server, or kept for its time does not hold', async () => {
  const key = { name, id: 'gone' }
  const [one, other] = [open(nats), open(nats)]
  await keep(one.transport, key, event('1'))
  await one.transport.keeper!.forget(key)
  await keep(other.transport, key, event('2'), 100)
  await eventually(() => keep(one.transport, key, event('3')).then(() => true, () => false)) // prettier-ignore
  expect(await other.transport.keeper!.recall([key])).toEqual([event('3')])
  await one.transport.subscribe(key)
  await sentinel(other, one, key)
})

test('an account that may not read is told what to allow', async () => {
  const config = `authorization { users: [
    { user: all, password: secret }
    { user: worker, password: secret, permissions: { publish: { deny: ["$JS.API.STREAM.MSG.GET.>", "$JS.API.DIRECT.GET.>"] } } }
  ] }`
  const guarded = await startNats({ config })
  try {
    const key = { name, id: '1' }
    const all = open(guarded, { user: 'all', pass: 'secret' })
    await keep(all.transport, key, event('approved'))
    const worker = open(guarded, { user: 'worker', pass: 'secret' })
    await keep(worker.transport, { name, id: '2' }, event('first'))
    const error = await rejection(keep(worker.transport, key, event('approved')))
    expect(error).toMatchObject({ code: 'ERR_FORBIDDEN', message: expect.stringContaining('MSG.GET') })
  } finally {
    await closeAll()
    await guarded.stop()
  }
})

test.each([
  ['is full', { max_bytes: 2_000 }],
  ['takes only so much', { maxValueSize: 500 }],
])('a bucket that %s: neither stored nor published, and it says why', async (what, options) => {
  const bucket = what.replaceAll(' ', '-')
  await new Kvm(admin).create(bucket, { history: 1, ...options })
  const { transport, receiver } = open(nats, { bucket })
  await transport.subscribe({ name, id: '1' })
  expect(await rejection(keep(transport, { name, id: '1' }, event('x'.repeat(5_000))))).toMatchObject({
    code: 'ERR_CONNECTION',
    sent: false,
    message: expect.stringMatching(/neither stored nor published: .* refused to store the outcome/),
  })
  await transport.publish({ name, id: '1' }, event('end'))
  await eventually(() => receiver.bodies.includes('end'))
  expect(receiver.bodies).toEqual(['end'])
})

test('what the server does not take: an event is too large, and a failure is cut', async () => {
  const small = await startNats({ config: 'max_payload: 100000' })
  const events = new ServerEvents(new NatsTransport(`127.0.0.1:${small.port}`), { keep: { report: { ms: 60_000, once: true } } }) // prettier-ignore
  events.onerror(() => undefined)
  try {
    expect(await rejection(events.emit(name, 1, 'x'.repeat(200_000)))).toMatchObject({ code: 'ERR_PAYLOAD_TOO_LARGE' })
    const wait = rejection(events.on(name, 1))
    await events.fail(name, 1, new Error('x'.repeat(200_000)))
    expect(await wait).toMatchObject({ code: 'ERR_REMOTE', message: expect.stringMatching(/^x{1000}/) })
  } finally {
    await events.close()
    await small.stop()
  }
})
