import Redis from 'ioredis'
import { RedisTransport } from '@server-events/redis'
import type { RedisRole } from '@server-events/redis'
import { startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'
import { attached, event } from './support'

/*
 * Spied on where a stream hands its bytes to the system: what a socket reads on the other side
 * may be together by chance.
 */

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

/** Connects both sides; from then on `writes` has the text of each system call of the role. */
async function spied(role: RedisRole): Promise<{ transport: RedisTransport; writes: string[] }> {
  const clients = new Map<RedisRole, Redis>()
  const transport = new RedisTransport((role) => {
    const client = new Redis(redis.url)
    clients.set(role, client)
    return client
  })
  attached(transport)
  await transport.connect()
  await transport.subscribe({ name: 'first' })
  const { stream } = clients.get(role)!
  const writes: string[] = []
  const write = stream._write.bind(stream)
  jest.spyOn(stream, '_write').mockImplementation((chunk, encoding, callback) => {
    writes.push(String(chunk))
    write(chunk, encoding, callback)
  })
  const writev = stream._writev!.bind(stream)
  jest.spyOn(stream as { _writev: typeof writev }, '_writev').mockImplementation((chunks, callback) => {
    writes.push(chunks.map(({ chunk }) => String(chunk)).join(''))
    writev(chunks, callback)
  })
  return { transport, writes }
}
const commands = (writes: readonly string[]): string[][] =>
  writes.map((text) => [...text.matchAll(/\r\n(set|get|publish)\r\n/gi)].map(([, command]) => command!.toLowerCase()))

test('the emits of a tick, of several names, are one write', async () => {
  const { transport, writes } = await spied('publish')
  const names = ['a', 'b', 'c', 'd']
  await Promise.all(names.map((name) => transport.publish({ name, id: '1' }, event('[]'))))
  expect(commands(writes)).toEqual([names.map(() => 'publish')])
})

test('what is kept, and its event, are one write; so are those of a tick', async () => {
  const { transport, writes } = await spied('publish')
  const keep = (id: string): Promise<void> => transport.keeper.publish({ name: 'a', id }, event('[]'), 60_000)
  await keep('1')
  await Promise.all(['2', '3'].map(keep))
  expect(commands(writes)).toEqual([
    ['set', 'publish'],
    ['set', 'set', 'publish'],
  ])
})

test('the questions of a recall are one write', async () => {
  const { transport, writes } = await spied('publish')
  await transport.keeper.recall(['1', '2', '3'].map((id) => ({ name: 'a', id })))
  expect(commands(writes)).toEqual([['get', 'get', 'get']])
})
