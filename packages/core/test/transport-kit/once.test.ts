import { eventually } from '@server-events/testing'
import type { Once } from 'server-events'
import { ForbiddenError, NotKeptError, PayloadTooLargeError } from 'server-events'
import type { Link, LinkStore } from 'server-events/transport-kit'
import { closeAll, event, open, rejection } from './support'
import { Faults, ToyDriver } from './toy-driver'

const key = { name: 'report', id: '42' }
const onceOf =
  (own: string): Once =>
  ({ body }) =>
    body === own ? 'same' : 'other'
const once = onceOf('first')

let faults: Faults

beforeEach(() => {
  faults = new Faults()
})

afterEach(closeAll)

const stores = (): LinkStore[] =>
  ([...faults.broker.connections] as unknown as Link[]).map(({ store }) => store as LinkStore)

test('a store that says nothing: it may hold, so it is uncertain, and nobody is told', async () => {
  const { transport, receiver } = open(faults, { publishTimeout: 300 })
  await transport.subscribe(key)
  faults.isStoreSilent = true
  const kept = rejection(transport.keeper!.publish(key, event('first'), 60_000, once))
  // What comes behind it is not held up for ever.
  const plain = transport.publish(key, event('plain'))
  expect(await kept).toMatchObject({ code: 'ERR_UNCERTAIN' })
  await plain
  expect(receiver.bodies).toEqual(['plain'])
})

test.each([
  [new ForbiddenError('no', { channel: 'kept' }), { code: 'ERR_FORBIDDEN', channel: 'kept' }],
  [new PayloadTooLargeError('no'), { code: 'ERR_PAYLOAD_TOO_LARGE' }],
  // Nothing is uncertain: it will never take effect.
  [new NotKeptError('it is full'), { code: 'ERR_CONNECTION', sent: false, message: expect.stringMatching(/neither stored nor published: it is full$/) }], // prettier-ignore
])('a store that refuses: it is not published (%s)', async (refusal, error) => {
  const { transport } = open(faults)
  await transport.connect()
  Object.assign(stores()[0]!, { setOnce: () => Promise.reject(refusal) })
  expect(await rejection(transport.keeper!.publish(key, event('first'), 60_000, once))).toMatchObject(error)
  expect(faults.published()).toBe(0)
})

test('a connection lost after the store has answered: it is announced on the next one', async () => {
  const { transport, receiver } = open(faults)
  await transport.subscribe(key)
  await transport.connect()
  const [store] = stores()
  const { setOnce } = store!
  Object.assign(store!, {
    setOnce: async (...args: Parameters<NonNullable<LinkStore['setOnce']>>) => {
      await setOnce!.apply(store, args)
      faults.broker.interrupt()
    },
  })
  await transport.keeper!.publish(key, event('first'), 60_000, once)
  await eventually(() => receiver.bodies.length > 0)
  expect(receiver.bodies).toEqual(['first'])
})

test('a refusal for now: it is asked again, and what holds is what is announced', async () => {
  const { transport, receiver } = open(faults)
  await transport.subscribe(key)
  await transport.keeper!.publish(key, event('first'), 60_000, once)
  faults.busy = 'BUSY'
  const asked = faults.asked.length
  const late = rejection(transport.keeper!.publish(key, event('second'), 60_000, onceOf('second')))
  await eventually(() => faults.asked.length > asked)
  faults.busy = undefined
  expect(await late).toMatchObject({ code: 'ERR_ALREADY_SETTLED' })
  await eventually(() => receiver.bodies.length > 1)
  expect(receiver.bodies).toEqual(['first', 'first'])
})

test('a driver that does not declare it has a keeper that does not either', () => {
  const driver = new ToyDriver(faults)
  expect(open(faults).transport.keeper?.once).toBe(true)
  expect(open(faults, {}, Object.assign(driver, { once: undefined })).transport.keeper?.once).toBeUndefined()
})
