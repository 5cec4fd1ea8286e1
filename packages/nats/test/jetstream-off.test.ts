import { NatsTransport } from '@server-events/nats'
import { startNats, startProxy } from '@server-events/testing'
import type { NatsServer } from '@server-events/testing'
import { ServerEvents } from 'server-events'
import { closeAll, event, open, rejection, sentinel } from './support'

let off: NatsServer
let forOthers: NatsServer

beforeAll(async () => {
  off = await startNats({ jetStream: false })
  forOthers = await startNats({
    config: `accounts {
      WITH: { jetstream: enabled, users: [{ user: with, password: x }] }
      WITHOUT: { users: [{ user: without, password: x }] }
    }`,
  })
})

afterEach(closeAll)

afterAll(async () => {
  await off.stop()
  await forOthers.stop()
})

const key = { name: 'report', id: '42' }

test('init and kept emits reject with UnsupportedError and the reason; nothing is published', async () => {
  const transport = new NatsTransport(off.url)
  const events = new ServerEvents(transport, { keep: { report: 60_000 } })
  events.onerror(() => undefined)
  const reason =
    `JetStream is not enabled for nats at 127.0.0.1:${off.port}, and outcomes are kept in it: ` +
    'enable it, or set option bucket to false and do without keep'
  const heard: unknown[] = []
  await events.listen('report', (_id, ...args) => heard.push(args))
  await events.listen('end', (_id, ...args) => heard.push(args))
  expect(await rejection(events.init())).toMatchObject({ code: 'ERR_UNSUPPORTED', message: reason })
  expect(await rejection(events.init())).toMatchObject({ code: 'ERR_UNSUPPORTED', message: reason })
  expect(await rejection(events.emit('report', 42, 'unheard'))).toMatchObject({
    code: 'ERR_UNSUPPORTED',
    message: reason,
  })
  expect(await rejection(events.peek('report', 42))).toMatchObject({ code: 'ERR_UNSUPPORTED', message: reason })
  expect(await rejection(events.forget('report', 42))).toMatchObject({ code: 'ERR_UNSUPPORTED', message: reason })
  const end = events.on('end', 1)
  await events.emit('end', 1, 'heard')
  expect(await end).toEqual(['heard'])
  expect(heard).toEqual([['heard']])
  await events.close()
})

test('an account without it is named', async () => {
  const { transport } = open(forOthers, { user: 'without', pass: 'x' })
  const error = await rejection(transport.connect())
  expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED' })
  expect(error.message).toContain('JetStream is not enabled for this account of nats')
  await open(forOthers, { user: 'with', pass: 'x' }).transport.connect()
})

test('plain emits need no JetStream, kept ones of the same name do not hold them back', async () => {
  const worker = open(off)
  const api = open(off)
  await api.transport.subscribe({ name: 'report' })
  const kept = rejection(worker.transport.keeper!.publish(key, event('kept'), 60_000))
  await sentinel(worker, api, key)
  expect(await kept).toMatchObject({ code: 'ERR_UNSUPPORTED' })
  expect(api.receiver.heard).toHaveLength(1)
})

test('with bucket false there is no keeper: connect resolves, and option keep is refused', async () => {
  const { transport } = open(off, { bucket: false })
  expect(transport.keeper).toBeUndefined()
  await transport.connect()
  expect(() => new ServerEvents(new NatsTransport(off.url, { bucket: false }), { keep: 1_000 })).toThrow(
    expect.objectContaining({ code: 'ERR_UNSUPPORTED' }),
  )
})

test('when it has gone since the connection stood, a kept emit says so', async () => {
  const own = await startNats()
  const { transport, receiver } = open(own)
  await transport.keeper?.publish(key, event('kept'), 60_000)
  await own.restart({ jetStream: false })
  const error = await rejection(transport.keeper!.publish(key, event('not kept'), 60_000))
  expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED' })
  expect(receiver.ups('inputStore')).toBe(2)
  await closeAll()
  await own.stop()
})

test.each([true, false])(
  'where nobody answers for a while, as during an election, it is asked again; that a server tells of JetStream: %s',
  async (tells) => {
    const own = await startNats()
    const proxy = await startProxy(own)
    let away = false
    // As long as what it replaces: the protocol counts bytes.
    proxy.filter = (direction, chunk) => {
      const text = chunk.toString('latin1')
      if (direction === 'down')
        return tells ? chunk : Buffer.from(text.replace('"jetstream":true', '"jetstreem":true'), 'latin1')
      return away
        ? Buffer.from(
            text.replaceAll(/\$(KV|JS)\./g, (_, [first]: string) => `$${first}X.`),
            'latin1',
          )
        : chunk
    }
    const { transport, receiver } = open(proxy)
    await transport.subscribe(key)
    await transport.keeper?.publish({ name: 'report', id: 'before' }, event('before'), 60_000)
    away = true
    const settled = Promise.all([
      transport.keeper?.publish(key, event('kept'), 60_000),
      transport.keeper?.forget({ name: 'report', id: 'none' }),
      transport.keeper?.recall([{ name: 'report', id: 'before' }]),
    ])
    // Several rounds of it.
    await new Promise((resolve) => setTimeout(resolve, 400))
    away = false
    expect(await settled).toEqual([undefined, undefined, [event('before')]])
    expect(await transport.keeper?.recall([key])).toEqual([event('kept')])
    expect(receiver.log).toEqual(['outputStore up', 'inputStore up'])
    await closeAll()
    await proxy.close()
    await own.stop()
  },
)
