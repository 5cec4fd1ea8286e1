import { AsyncLocalStorage } from 'node:async_hooks'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { ServerEvents } from 'server-events'
import type { Transport } from 'server-events'
import { sealed } from 'server-events/sealed'

const storage = new AsyncLocalStorage<string>()

/** Knows transactions by the context, and writes down in which one it is called. */
function transacting(calls: string[]): Transport {
  const memory = new MemoryTransport({ hub: new MemoryHub() })
  const called = (what: string): number => calls.push(`${what} in ${storage.getStore() ?? 'none'}`)
  const publish = memory.publish.bind(memory)
  const keeper = { ...memory.keeper }
  return Object.assign(memory, {
    inTransaction: () => storage.getStore() !== undefined,
    publish: (...args: Parameters<typeof publish>) => {
      called('publish')
      return publish(...args)
    },
    keeper: {
      ...keeper,
      publish: (...args: Parameters<typeof keeper.publish>) => {
        called('keeper.publish')
        return keeper.publish(...args)
      },
      forget: (...args: Parameters<typeof keeper.forget>) => {
        called('keeper.forget')
        return keeper.forget(...args)
      },
    },
  })
}

test.each([
  ['as it is', (transport: Transport) => transport],
  ['sealed', (transport: Transport) => sealed(transport, { secrets: ['a secret of sixteen bytes or more'] })],
])('what belongs to a transaction is asked in its context, and not held for a subscription (%s)', async (_, wrap) => {
  const calls: string[] = []
  const events = new ServerEvents(wrap(transacting(calls)), { keep: { kept: 60_000 } })
  await events.init()
  const waits = [events.on('kept', 1), events.on('plain', 1)]
  const emits = storage.run('a transaction', () => [events.emit('kept', 1, 'first'), events.emit('plain', 1, 'first')])
  // Both subscriptions are still in flight.
  expect(calls).toEqual(['keeper.publish in a transaction', 'publish in a transaction'])
  expect(await Promise.all(waits)).toEqual([['first'], ['first']])
  await Promise.all(emits)
  await storage.run('a transaction', () => events.forget('kept', 1))
  await events.emit('plain', 1, 'second')
  expect(calls.slice(2)).toEqual(['keeper.forget in a transaction', 'publish in none'])
  await events.close()
})

test('what was held for a subscription is of no transaction, also if one has asked for that subscription', async () => {
  const calls: string[] = []
  const events = new ServerEvents(transacting(calls), { keep: { kept: 60_000 } })
  await events.init()
  const wait = storage.run('a transaction', () => events.on('kept', 1))
  const emit = events.emit('kept', 1, 'of another request')
  expect(calls).toEqual([])
  expect(await wait).toEqual(['of another request'])
  await emit
  expect(calls).toEqual(['keeper.publish in none'])
  await events.close()
})
