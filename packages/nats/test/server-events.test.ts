import { NatsTransport } from '@server-events/nats'
import { eventually, startNats, startProxy } from '@server-events/testing'
import type { FaultProxy, NatsServer } from '@server-events/testing'
import { homeOf, ServerEvents } from 'server-events'
import { rejection } from './support'

let nats: NatsServer
let proxy: FaultProxy
let api: ServerEvents
let worker: ServerEvents

beforeAll(async () => {
  nats = await startNats()
})

beforeEach(async () => {
  proxy = await startProxy(nats)
  const through = (): NatsTransport => new NatsTransport(`nats://127.0.0.1:${proxy.port}`, { publishTimeout: 60_000 })
  api = new ServerEvents(through(), { keep: { kept: 600_000 }, timeout: 600_000 })
  worker = new ServerEvents(through(), { keep: { kept: 600_000 }, timeout: 600_000 })
  for (const events of [api, worker]) events.onerror(() => undefined)
  await Promise.all([api.init(), worker.init()])
  await api.listen('plain')
})

afterEach(async () => {
  await Promise.all([api.close(), worker.close()])
  await proxy.close()
})

afterAll(async () => {
  await nats.stop()
})

test('a thousand waits get each their own outcome, and nobody hears what is not waited for', async () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => index)
  const waits = ids.map((id) => api.on('plain', id))
  await Promise.all(ids.map((id) => worker.emit('plain', id, { of: id })))
  expect(await Promise.all(waits)).toEqual(ids.map((id) => [{ of: id }]))
  expect(api.stats().pending).toBe(0)
})

test('a failure travels, with its name, code and data', async () => {
  const wait = rejection(api.on('plain', 1))
  await worker.fail('plain', 1, Object.assign(new RangeError('too late'), { code: 'LATE', data: { by: 3 } }))
  expect(await wait).toMatchObject({
    code: 'ERR_REMOTE',
    remoteName: 'RangeError',
    message: 'too late',
    remoteCode: 'LATE',
    data: { by: 3 },
  })
})

test.each(['plain', 'kept'])(
  'a failure that is larger than what the server carries arrives, cut (%s)',
  async (name) => {
    const waits = [rejection(api.on(name, 'long')), rejection(api.on(name, 'just too long'))]
    const sql = (length: number): Error =>
      Object.assign(new Error('x'.repeat(length)), { code: 'E_SQL', data: { a: 1 } })
    await worker.fail(name, 'long', sql(2_000_000))
    // Within maxPayload, but with its headers over max_payload.
    await worker.fail(name, 'just too long', sql(1_048_500))
    for (const error of await Promise.all(waits)) {
      expect(error).toMatchObject({ code: 'ERR_REMOTE', remoteCode: 'E_SQL' })
      expect((error as Error).message).toMatch(/^x{47000}/)
    }
  },
)

test('how long an emit may take is told to ServerEvents, which holds one no longer', () => {
  expect(new NatsTransport({ publishTimeout: 1234 }).publishTimeout).toBe(1234)
})

test('what is kept is never missed, however often connections are cut', async () => {
  const ids = Array.from({ length: 300 }, (_, index) => index)
  const waits = Promise.all(ids.map((id) => api.on('kept', id)))
  const emitted = ids.map(async (id) => {
    await new Promise((resolve) => setTimeout(resolve, id * 5))
    // What is uncertain may be emitted again: the outcome is the same.
    while (
      !(await worker.emit('kept', id, id).then(
        () => true,
        () => false,
      ))
    );
  })
  for (let cuts = 0; cuts < 5; cuts++) {
    await eventually(() => api.stats().outputStore.connected && worker.stats().inputStore.connected)
    proxy.cut()
    await eventually(() => api.stats().outputStore.interruptions > cuts)
    // Once more while they greet the server.
    await eventually(() => proxy.open > 0)
    proxy.cut()
  }
  expect(await waits).toEqual(ids.map((id) => [id]))
  await Promise.all(emitted)
  expect(api.stats().outputStore.interruptions).toBeGreaterThanOrEqual(5)
})

test('1,000 waits on own ids are one subscription of their name, which only the server that waits has', async () => {
  const homes = new ServerEvents(new NatsTransport(`nats://127.0.0.1:${proxy.port}`), { listen: ['report'] })
  const { subscribe } = NatsTransport.prototype
  const asked: unknown[] = []
  const spied = jest.spyOn(NatsTransport.prototype, 'subscribe').mockImplementation(function (
    this: NatsTransport,
    topic,
  ) {
    asked.push(topic)
    return subscribe.call(this, topic)
  })
  await homes.init()
  const label = homeOf(homes.createId())
  for (let round = 0; round < 10; round++) {
    const ids = Array.from({ length: 100 }, () => homes.createId())
    const waits = ids.map((id) => homes.on('report', id))
    // At once: there is no subscription to wait for.
    for (const id of ids) void worker.emit('report', id, id)
    expect(await Promise.all(waits)).toEqual(ids.map((id) => [id]))
  }
  spied.mockRestore()
  expect(asked).toEqual([{ name: 'report', home: label }])
  // An outcome is kept under the id, wherever it is waited for.
  const kept = homes.createId()
  await worker.emit('kept', kept, 'kept')
  expect(await api.on('kept', kept)).toEqual(['kept'])
  await homes.close()
})
