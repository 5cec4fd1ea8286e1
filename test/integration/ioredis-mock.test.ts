import RedisMock from 'ioredis-mock'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { ServerEvents } from 'server-events'

// How a service unit-tests its Redis wiring without a server.
let port = 1
const connected = (options: RedisTransportOptions = {}): [ServerEvents, ServerEvents] => {
  const mock = new RedisMock({ host: 'mock', port: port++ })
  return [
    new ServerEvents(new RedisTransport(mock, options), { listen: ['report'] }),
    new ServerEvents(new RedisTransport(mock, options)),
  ]
}

const modes: RedisTransportOptions[] = [{}, { channels: 'name' }, { channels: 'id' }]
test.each(modes)('waits, failures and timeouts work over an ioredis-mock instance: %j', async (options) => {
  const [api, worker] = connected(options)
  await api.init()
  await worker.init()
  const [done, failed, late] = [api.createId(), api.createId(), api.createId()]
  const wait = api.on('report', done, 5_000)
  await worker.emit('report', done, { url: 'x' })
  expect(await wait).toEqual([{ url: 'x' }])
  const failing = api.on('report', failed, 5_000)
  await worker.fail('report', failed, new Error('no'))
  await expect(failing).rejects.toMatchObject({ code: 'ERR_REMOTE', message: 'no' })
  await expect(api.on('report', late, 30)).rejects.toMatchObject({ code: 'ERR_TIMEOUT', subscribed: true })
  await Promise.all([api.close(), worker.close()])
})

test('after close nothing is heard any more, though the mock keeps subscriptions of a closed client', async () => {
  const [api, worker] = connected()
  const heard: string[] = []
  await api.init()
  await api.listen('report', (id) => heard.push(id))
  await api.close()
  const other = new ServerEvents(new RedisTransport(new RedisMock({ host: 'mock', port: port - 1 })), {
    listen: ['report'],
  })
  await other.init()
  const sentinel = other.on('report', 1, 5_000)
  await worker.emit('report', 1)
  await sentinel
  expect(heard).toEqual([])
  await Promise.all([worker.close(), other.close()])
})
