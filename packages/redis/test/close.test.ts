import { join } from 'node:path'
import { ClosedError, UncertainError } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import type { RedisClient } from '@server-events/redis'
import { eventually, runNode, startProxy, startRedis } from '@server-events/testing'
import type { FaultProxy, RedisServer } from '@server-events/testing'
import { RecordingReceiver, event, outcome } from './support'

let redis: RedisServer
let proxy: FaultProxy
beforeAll(async () => {
  redis = await startRedis()
})
beforeEach(async () => {
  proxy = await startProxy(redis)
})
afterEach(async () => proxy.close())
afterAll(async () => redis.stop())

function make(options = {}, url = proxy.url): { transport: RedisTransport; receiver: RecordingReceiver } {
  const transport = new RedisTransport(url, options)
  const receiver = new RecordingReceiver()
  transport.attach(receiver)
  return { transport, receiver }
}
const key = { name: 'n', id: '1' }

/** Everything that may be pending, at once. */
function pending(transport: RedisTransport): Promise<unknown>[] {
  return [transport.connect(), transport.subscribe({ name: 'n' }), transport.publish(key, event('[]'))].map(outcome)
}
const closed = Array.from({ length: 3 }, () => expect.any(ClosedError) as unknown)

test('while down, while waiting for the next attempt, while the server accepts and says nothing', async () => {
  proxy.refuse()
  const down = make()
  const settled = pending(down.transport)
  await eventually(() => down.receiver.errors().length >= 4)
  await down.transport.close()
  expect(await Promise.all(settled)).toEqual(closed)
  await proxy.accept()

  proxy.blackhole()
  const frozen = make()
  const waiting = pending(frozen.transport)
  await eventually(() => proxy.open === 2)
  await frozen.transport.close()
  expect(await Promise.all(waiting)).toEqual(closed)
  proxy.heal()
})

test('before anything has happened, in the same tick, twice', async () => {
  const { transport } = make()
  const settled = pending(transport)
  const closing = transport.close()
  expect(transport.close()).toBe(closing)
  await closing
  expect(await Promise.all(settled)).toEqual(closed)
  expect(await Promise.all(pending(transport))).toEqual(closed)
  await transport.unsubscribe({ name: 'n' })
  expect(proxy.open).toBe(0)
  await new RedisTransport(proxy.url).close()
})

test('an emit that was written and not acknowledged is uncertain, one that was not is not', async () => {
  const { transport } = make()
  await transport.connect()
  proxy.blackhole('down')
  const written = outcome(transport.publish(key, event('[]')))
  await new Promise(setImmediate)
  const unwritten = outcome(transport.publish(key, event('[]')))
  await transport.close()
  expect(await written).toBeInstanceOf(UncertainError)
  expect(await unwritten).toBeInstanceOf(ClosedError)
})

test('a function that is still making a client: close does not wait, and the late client is closed', async () => {
  let give: (client: RedisClient) => void = () => {}
  const transport = new RedisTransport(() => new Promise<RedisClient>((resolve) => (give = resolve)))
  transport.attach(new RecordingReceiver())
  const connecting = outcome(transport.connect())
  await Promise.resolve()
  await transport.close()
  expect(await connecting).toBeInstanceOf(ClosedError)
  const late = { on: jest.fn(), disconnect: jest.fn(), duplicate: () => {}, psubscribe: () => {} }
  give(late)
  await eventually(() => late.disconnect.mock.calls.length > 0)
})

describe('the process ends by itself', () => {
  const run = async (url: string, how: string): Promise<void> => {
    const child = await runNode(join(__dirname, 'child/exits.js'), {
      execArgv: ['--require', join(__dirname, 'child/register.js')],
      args: [url, how],
    })
    await child.line('closed', 60_000)
    // Ends in time, or the test does.
    expect(await child.exited).toBe(0)
    expect(child.stderr).toBe('')
    expect(child.lines).toEqual(['closed'])
  }
  test.each(['unused', 'used', 'connecting', 'answered'])('%s', async (how) => run(redis.url, how), 90_000)
  test.each(['connecting', 'waiting'])('%s, while the server is down', async (how) => {
    proxy.refuse()
    await run(proxy.url, how)
  })
})
