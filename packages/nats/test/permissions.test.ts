import { Kvm } from '@nats-io/kv'
import { connect } from '@nats-io/transport-node'
import { eventually, startNats, startProxy } from '@server-events/testing'
import type { NatsServer } from '@server-events/testing'
import { NatsTransport } from '@server-events/nats'
import { ServerEvents } from 'server-events'
import { closeAll, event, open, rejection, sentinel } from './support'

interface Permissions {
  readonly publish?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] }
  readonly subscribe?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] }
}

/** `admin` may do anything, `user` and `other` what is given. */
const config = (permissions: Permissions = {}, ofOther: Permissions = {}): string => `
  authorization {
    users: [
      { user: admin, password: secret }
      { user: user, password: secret, permissions: ${JSON.stringify(permissions)} }
      { user: other, password: secret, permissions: ${JSON.stringify(ofOther)} }
    ]
  }`

const admin = { user: 'admin', pass: 'secret' }
const user = { user: 'user', pass: 'secret' }
const other = { user: 'other', pass: 'secret' }
const key = { name: 'report', id: '42' }

let nats: NatsServer

interface Instance {
  readonly events: ServerEvents
  readonly told: { readonly code?: unknown }[]
}

const instances: ServerEvents[] = []

function instance({ port }: NatsServer, who: typeof user): Instance {
  const events = new ServerEvents(new NatsTransport({ servers: `127.0.0.1:${port}`, ...who }))
  instances.push(events)
  const told: Instance['told'] = []
  events.onerror((_, error) => told.push(error))
  return { events, told }
}

beforeAll(async () => {
  nats = await startNats({ config: config() })
})

afterEach(async () => {
  await Promise.all(instances.splice(0).map((events) => events.close()))
  await closeAll()
})

afterAll(async () => {
  await nats.stop()
})

test('a forbidden subscription rejects and names the subject, and the others stand', async () => {
  await nats.reload(config({ subscribe: { deny: ['se.secret.>'] } }))
  const api = open(nats, user)
  const [, error] = await Promise.all([
    api.transport.subscribe({ name: 'report' }),
    rejection(api.transport.subscribe({ name: 'secret', id: 'a.b' })),
  ])
  expect(error).toMatchObject({ code: 'ERR_FORBIDDEN', channel: 'se.secret.a=2Eb' })
  expect(error.message).toBe(`nats at 127.0.0.1:${nats.port} forbids subscribing to "se.secret.a=2Eb"`)
  const worker = open(nats, admin)
  await sentinel(worker, api, key)
  expect(api.receiver.log).toEqual(['outputStore up'])
})

test('a forbidden publish rejects and names the subject, and what leaves with it is accepted', async () => {
  await nats.reload(config({ publish: { deny: ['se.secret.>'] } }))
  const worker = open(nats, user)
  const api = open(nats, admin)
  await api.transport.subscribe({ name: 'report' })
  const [, error] = await Promise.all([
    worker.transport.publish(key, event('1')),
    rejection(worker.transport.publish({ name: 'secret', id: '1' }, event('payload'))),
    worker.transport.publish(key, event('2')),
  ])
  expect(error).toMatchObject({ code: 'ERR_FORBIDDEN', channel: 'se.secret.1' })
  expect(error.message).not.toContain('payload')
  await eventually(() => api.receiver.heard.length === 2)
  expect(api.receiver.bodies).toEqual(['1', '2'])
})

test('each of many that are refused at once is refused', async () => {
  await nats.reload(config({ publish: { deny: ['se.secret.>'] }, subscribe: { deny: ['se.secret.>'] } }))
  const { transport } = open(nats, user)
  const keys = Array.from({ length: 200 }, (_, index) => ({ name: 'secret', id: String(index) }))
  const published = keys.map((each) => rejection(transport.publish(each, event('payload'))))
  const subscribed = keys.map((each) => rejection(transport.subscribe(each)))
  for (const error of await Promise.all([...published, ...subscribed]))
    expect(error).toMatchObject({ code: 'ERR_FORBIDDEN' })
})

test('a topic that stood is lost when its permission is taken, without an interruption', async () => {
  await nats.reload(config())
  const api = open(nats, user)
  await api.transport.subscribe({ name: 'report' })
  await api.transport.subscribe({ name: 'other' })
  await nats.reload(config({ subscribe: { deny: ['se.report.>'] } }))
  await eventually(() => api.receiver.losses.length === 1)
  const [loss] = api.receiver.losses
  expect(loss?.topic).toEqual({ name: 'report' })
  expect(loss?.error).toMatchObject({ code: 'ERR_FORBIDDEN', channel: 'se.report.>' })
  const worker = open(nats, admin)
  await sentinel(worker, api, { name: 'other', id: '1' })
  expect(api.receiver.log).toEqual(['outputStore up', 'lost report'])
})

test('an outcome that may not be stored is published all the same, and rejects as not kept', async () => {
  await nats.reload(config({ publish: { deny: ['$KV.>'] } }))
  const worker = open(nats, user)
  const api = open(nats, admin)
  await api.transport.subscribe(key)
  const error = await rejection(worker.transport.keeper!.publish(key, event('here'), 60_000))
  expect(error).toMatchObject({ code: 'ERR_NOT_KEPT', cause: { code: 'ERR_FORBIDDEN' } })
  expect(error.message).toContain('forbids publishing to "$KV.se_kept.se.report.42"')
  await eventually(() => api.receiver.heard.length === 1)
  expect(await api.transport.keeper?.recall([key])).toEqual([undefined])
})

test('who may not read outcomes is told so at once', async () => {
  await nats.reload(config({ publish: { deny: ['$JS.API.>'] } }))
  const [answer] = (await open(nats, user).transport.keeper?.recall([key])) ?? []
  expect(answer).toMatchObject({ code: 'ERR_FORBIDDEN' })
})

describe('who may not look at the bucket', () => {
  const emitter = ['se.report.>', '$KV.se_kept.se.report.*']

  test('goes by maxKeep: nothing is accepted that would vanish early', async () => {
    await nats.reload(config({ publish: { allow: emitter } }))
    const { transport } = open(nats, { ...user, maxKeep: 60_000 })
    const error = await rejection(transport.keeper!.publish(key, event('kept'), 60_001))
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(error.message).toContain('keeps nothing for longer than 60000 ms')
    await transport.keeper?.publish(key, event('kept'), 60_000)
  })

  test('does without when the bucket, made by an older server, refuses to delete at a time of its own', async () => {
    const connection = await connect({ servers: `127.0.0.1:${nats.port}`, user: 'admin', pass: 'secret' })
    await new Kvm(connection).create('old', { ttl: 60_000 })
    await connection.close()
    await nats.reload(config({ publish: { allow: ['se.report.>', '$KV.old.se.report.*'] } }))
    await open(nats, { ...user, bucket: 'old' }).transport.keeper?.publish(key, event('kept'), 1_500)
    expect(await open(nats, { ...admin, bucket: 'old' }).transport.keeper?.recall([key])).toEqual([event('kept')])
  })

  test('asks a server from 2.11 on to delete each outcome at its own time, without knowing of the bucket', async () => {
    await nats.reload(config({ publish: { allow: emitter } }))
    const proxy = await startProxy(nats)
    const asked: string[] = []
    // As long as what it replaces: the protocol counts bytes.
    proxy.filter = (direction, chunk) => {
      const text = chunk.toString('latin1')
      if (direction === 'up') asked.push(text)
      const pretend = (version: string): string => '"version":"2.11.0"'.padEnd(version.length)
      return direction === 'up' ? chunk : Buffer.from(text.replace(/"version":"2\.\d+\.\d+"/, pretend), 'latin1')
    }
    const { transport } = open(proxy, user)
    await transport.keeper?.publish(key, event('kept'), 1_500)
    expect(asked.join('')).toMatch(/HPUB \$KV\.se_kept\.se\.report\.42 [^]*\r\nNats-TTL: 2s\r\n/)
    await closeAll()
    await proxy.close()
  })
})

describe('these permissions, which the README lists, suffice', () => {
  const only = (publish: readonly string[], subscribe: readonly string[]): Permissions => ({
    // An empty list would allow everything.
    publish: publish.length > 0 ? { allow: publish } : { deny: ['>'] },
    subscribe: subscribe.length > 0 ? { allow: subscribe } : { deny: ['>'] },
  })
  const allow = (publish: readonly string[], subscribe: readonly string[]): Promise<void> =>
    nats.reload(config(only(publish, subscribe)))

  beforeEach(async () => {
    await open(nats, admin).transport.keeper?.publish(key, event('kept before'), 60_000)
  })

  test('to emit', async () => {
    await allow(['se.report.>'], [])
    const { transport } = open(nats, user)
    await transport.connect()
    await transport.publish(key, event('plain'))
  })

  test('to emit with keep, and to forget', async () => {
    await allow(['se.report.>', '$KV.se_kept.se.report.*', '$JS.API.STREAM.INFO.KV_se_kept'], ['_INBOX.>'])
    const { transport } = open(nats, user)
    await transport.connect()
    await transport.keeper?.publish(key, event('kept'), 60_000)
    expect(await open(nats, admin).transport.keeper?.recall([key])).toEqual([event('kept')])
    await transport.keeper?.forget(key)
    expect(await open(nats, admin).transport.keeper?.recall([key])).toEqual([undefined])
  })

  test('to emit with once, also as the second', async () => {
    const first = { name: 'report', id: '43' }
    const read = ['STREAM.INFO', 'STREAM.MSG.GET'].map((what) => `$JS.API.${what}.KV_se_kept`)
    await allow(['se.report.>', '$KV.se_kept.se.report.*', ...read], ['_INBOX.>'])
    const emit = (body: string): Promise<void> =>
      open(nats, user).transport.keeper!.publish(first, event(body), 60_000, (held) =>
        held.body === body ? 'same' : 'other',
      )
    await emit('first')
    await emit('first')
    expect(await rejection(emit('second'))).toMatchObject({ code: 'ERR_ALREADY_SETTLED' })
  })

  test('to wait', async () => {
    await allow([], ['se.report.>'])
    const api = open(nats, user)
    await api.transport.connect()
    await api.transport.subscribe({ name: 'report' })
    await api.transport.subscribe(key)
    await sentinel(open(nats, admin), api, key)
  })

  test('to wait with keep', async () => {
    const read = ['STREAM.INFO', 'STREAM.MSG.GET', 'CONSUMER.CREATE'].map((what) => `$JS.API.${what}.KV_se_kept`)
    await allow(read, ['se.report.>', '_INBOX.>'])
    const { transport } = open(nats, user)
    await transport.connect()
    await transport.subscribe(key)
    expect(await transport.keeper?.recall([key])).toEqual([event('kept before')])
  })

  test('to ask whether anybody waits, and to answer, and neither for more', async () => {
    await nats.reload(
      config(only(['se.report.>', 'se._answers.>'], ['se._answers.>']), only(['se._answers.>'], ['se.report.>'])),
    )
    const [worker, api] = [user, other].map((who) => instance(nats, who)) as [Instance, Instance]
    const [gone, stays] = [new AbortController(), new AbortController()]
    const waits = [gone, stays].map(({ signal }, id) => rejection(api.events.on('report', id, { signal })))
    await api.events.listen('report')
    const often = { every: 200, within: 2_000 }
    const [ends, goesOn] = [0, 1].map((id) => worker.events.wanted('report', id, often))
    await eventually(() => ends!.now === true && goesOn!.now === true)
    gone.abort()
    await eventually(() => ends!.signal.aborted, { timeout: 30_000 })
    expect(goesOn).toMatchObject({ now: true, signal: { aborted: false } })
    expect([...worker.told, ...api.told]).toEqual([])
    for (const refused of [worker.events.on('report', 0), api.events.emit('report', 0)])
      expect(await rejection(refused)).toMatchObject({ code: 'ERR_FORBIDDEN' })
    stays.abort()
    await Promise.all(waits)
  }, 60_000)

  test.each([
    ['to ask', ['se._answers.>'], ['se._answers.>']],
    ['to be answered', ['se.report.>', 'se._answers.>'], []],
  ])('without those %s a worker stops nothing, and is told', async (_, publish, subscribe) => {
    await nats.reload(config(only(publish, subscribe)))
    const worker = instance(nats, user)
    const wanted = worker.events.wanted('report', 0, { every: 20, within: 20 })
    await eventually(() => worker.told.some(({ code }) => code === 'ERR_FORBIDDEN'))
    expect(wanted).toMatchObject({ now: undefined, signal: { aborted: false } })
    wanted.close()
  })

  test('who waits without the one to answer counts as nobody, and is told', async () => {
    await nats.reload(config({}, only([], ['se.report.>'])))
    const [worker, api] = [user, other].map((who) => instance(nats, who)) as [Instance, Instance]
    const wait = rejection(api.events.on('report', 0))
    await api.events.listen('report')
    const wanted = worker.events.wanted('report', 0, { every: 200, within: 200 })
    await eventually(() => wanted.signal.aborted)
    expect(api.told).toMatchObject([{ code: 'ERR_FORBIDDEN' }])
    await api.events.close()
    await wait
  })

  test('to create the bucket', async () => {
    await allow(['$JS.API.INFO', '$JS.API.STREAM.*.KV_fresh', 'se.report.>', '$KV.fresh.se.report.*'], ['_INBOX.>'])
    const { transport } = open(nats, { ...user, bucket: 'fresh' })
    await transport.connect()
    await transport.keeper?.publish(key, event('kept'), 60_000)
  })
})
