import { NatsTransport } from '@server-events/nats'
import { eventually, startNats, startProxy } from '@server-events/testing'
import type { FaultProxy, NatsServer } from '@server-events/testing'
import { ServerEvents } from 'server-events'
import { rejection } from './support'

let nats: NatsServer
let proxy: FaultProxy
let api: ServerEvents
let worker: ServerEvents

beforeAll(async () => {
  nats = await startNats()
}, 120_000)

beforeEach(async () => {
  proxy = await startProxy(nats)
  const through = (): NatsTransport => new NatsTransport(`nats://127.0.0.1:${proxy.port}`)
  api = new ServerEvents(through(), { keep: { kept: 60_000 }, listen: ['plain'] })
  worker = new ServerEvents(through(), { keep: { kept: 60_000 } })
  for (const events of [api, worker]) events.onerror(() => undefined)
  await Promise.all([api.init(), worker.init()])
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

test('what is kept is never missed, however often connections are cut', async () => {
  const ids = Array.from({ length: 300 }, (_, index) => index)
  const waits = Promise.all(ids.map((id) => api.on('kept', id, 20_000)))
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
