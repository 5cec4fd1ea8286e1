import { Duplex } from 'node:stream'
import Redis from 'ioredis'
import { RedisTransport } from '@server-events/redis'
import type { RedisRole } from '@server-events/redis'
import { startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'
import { joinTexts } from '../src/client/join-texts'
import { attached, event } from './support'

/*
 * Spied on where a stream hands one text to the system: what a socket reads on the other side may be
 * together by chance, and several texts of one call, which `_writev` would take, cost as much as several calls.
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

test('what is no text, or of another encoding, goes as it is, in its place', () => {
  const written: string[] = []
  const socket = new Duplex({
    decodeStrings: false,
    write: (chunk, _, done) => {
      written.push(String(chunk))
      done()
    },
    writev: (chunks, done) => {
      written.push(chunks.map(({ chunk }) => String(chunk)).join('|'))
      done()
    },
  })
  joinTexts(socket)
  for (const chunks of [
    ['é', 'b'],
    ['é', Buffer.from('b'), 'c'],
  ]) {
    socket.cork()
    for (const chunk of chunks) socket.write(chunk)
    socket.write('ff', 'hex')
    socket.uncork()
  }
  socket.cork()
  for (const text of ['é', 'b']) socket.write(text)
  socket.uncork()
  expect(written).toEqual(['é|b|ff', 'é|b|c|ff', 'éb'])
})
