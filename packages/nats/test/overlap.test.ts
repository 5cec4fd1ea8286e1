import { eventually, startNats } from '@server-events/testing'
import type { NatsServer } from '@server-events/testing'
import { closeAll, event, open, sentinel } from './support'

let nats: NatsServer

beforeAll(async () => {
  nats = await startNats({ jetStream: false })
})

afterEach(closeAll)

afterAll(async () => {
  await nats.stop()
})

const whole = { name: 'report' }
const key = { name: 'report', id: '42' }

/** Publishes in several ticks, as fast as it goes, and gives the bodies. */
async function flood(worker: ReturnType<typeof open>): Promise<string[]> {
  const bodies = Array.from({ length: 5_000 }, (_, index) => String(index))
  for (let start = 0; start < bodies.length; start += 250)
    await Promise.all(bodies.slice(start, start + 250).map((body) => worker.transport.publish(key, event(body))))
  return bodies
}

test('while a name and an id of it are subscribed and given up in turn, each event comes once and in order', async () => {
  const api = open(nats)
  const worker = open(nats)
  await api.transport.subscribe(key)
  const end = { reached: false }
  const flooded = flood(worker).finally(() => (end.reached = true))
  while (!end.reached) {
    await api.transport.subscribe(whole)
    await api.transport.unsubscribe(key)
    await api.transport.subscribe(key)
    await api.transport.unsubscribe(whole)
  }
  const bodies = await flooded
  await sentinel(worker, api, key)
  expect(api.receiver.bodies.slice(0, -1)).toEqual(bodies)
})

test('nothing is heard of a topic from the call of unsubscribe on', async () => {
  const api = open(nats)
  const worker = open(nats)
  await api.transport.subscribe(key)
  await api.transport.subscribe({ name: 'end' })
  const flooded = flood(worker)
  await eventually(() => api.receiver.heard.length > 0, { interval: 0 })
  const unsubscribed = api.transport.unsubscribe(key)
  const before = api.receiver.heard.length
  await Promise.all([unsubscribed, flooded])
  await sentinel(worker, api, { name: 'end', id: '1' })
  expect(api.receiver.heard).toHaveLength(before + 1)
})
