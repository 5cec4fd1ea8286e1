import { ConnectionError } from 'server-events'
import type { ServerEvents } from 'server-events'
import { rejection, start } from './support/harness'

const refuse = (): Promise<never> => Promise.reject(new ConnectionError('there is no connection'))

test.each([
  ['emit', (events: ServerEvents) => events.emit('report', 1)],
  ['fail', (events: ServerEvents) => events.fail('report', 1, new Error('no'))],
  ['peek', (events: ServerEvents) => events.peek('report', 1)],
  ['forget', (events: ServerEvents) => events.forget('report', 1)],
  ['on', (events: ServerEvents) => events.on('report', 1)],
  ['stream', (events: ServerEvents) => events.stream('report', 1).next()],
  ['listen', (events: ServerEvents) => events.listen('report')],
] as const)('%s: who asks again without a pause does not stop the event loop', async (_, ask) => {
  const { events, transport } = start({ keeper: true })
  Object.assign(transport, { publish: refuse, subscribe: refuse })
  Object.assign(transport.keeper!, {
    publish: refuse,
    forget: refuse,
    recall: () => Promise.resolve([new ConnectionError('there is no connection')]),
  })
  const fired = jest.fn()
  setTimeout(fired)
  for (let asked = 0; fired.mock.calls.length === 0 && asked < 100_000; asked++) await rejection(ask(events))
  expect(fired).toHaveBeenCalled()
})

test('nor does who asks one that is closed', async () => {
  const { events } = start()
  await events.close()
  const fired = jest.fn()
  setTimeout(fired)
  for (let asked = 0; fired.mock.calls.length === 0 && asked < 100_000; asked++)
    await Promise.all([rejection(events.emit('report', 1)), rejection(events.on('report', 1))])
  expect(fired).toHaveBeenCalled()
})
