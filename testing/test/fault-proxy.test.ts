import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { eventually, startProxy } from '../src'
import type { FaultProxy } from '../src'

let server: Server
let proxy: FaultProxy
/** What the server has, per connection. */
let upstream: { socket: Socket; text: string; closed: boolean }[]

interface Client {
  readonly socket: Socket
  text: string
  closed: boolean
}

beforeEach(async () => {
  upstream = []
  server = createServer((socket) => {
    const connection = { socket, text: '', closed: false }
    upstream.push(connection)
    // An echo that says whom it answers.
    socket.on('data', (chunk) => {
      connection.text += chunk.toString()
      socket.write(`<${chunk.toString()}>`)
    })
    socket.on('error', () => {})
    socket.on('close', () => (connection.closed = true))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy = await startProxy(server.address() as AddressInfo)
})

afterEach(async () => {
  await proxy.close()
  for (const { socket } of upstream) socket.destroy()
  server.close()
})

async function dial(): Promise<Client> {
  const socket = connect(proxy.port, proxy.host)
  const client: Client = { socket, text: '', closed: false }
  socket.on('data', (chunk) => (client.text += chunk.toString()))
  socket.on('error', () => {})
  socket.on('close', () => (client.closed = true))
  await once(socket, 'connect')
  return client
}

test('passes bytes and the end both ways, and counts connections', async () => {
  const one = await dial()
  const two = await dial()
  one.socket.write('a')
  two.socket.write('b')
  await eventually(() => one.text === '<a>' && two.text === '<b>')
  expect([proxy.open, proxy.accepted]).toEqual([2, 2])
  one.socket.end('c')
  await eventually(() => one.closed && upstream.filter((connection) => connection.closed).length === 1)
  upstream.find((connection) => !connection.closed)?.socket.end('bye')
  await eventually(() => two.closed)
  expect(two.text).toBe('<b>bye')
  await eventually(() => proxy.open === 0)
  expect(proxy.accepted).toBe(2)
})

test('passes more than buffers hold to a slow reader, to the last byte', async () => {
  const client = await dial()
  await eventually(() => upstream.length === 1)
  client.socket.on('data', () => {
    client.socket.pause()
    setImmediate(() => client.socket.resume())
  })
  upstream[0]?.socket.end(Buffer.alloc(16 * 1024 * 1024, 'x'))
  await eventually(() => client.closed)
  expect(client.text).toHaveLength(16 * 1024 * 1024)
})

test('cut ends every connection on both sides; new ones work', async () => {
  const client = await dial()
  await eventually(() => upstream.length === 1)
  proxy.cut()
  await eventually(() => client.closed && upstream.every((connection) => connection.closed))
  const again = await dial()
  again.socket.write('a')
  await eventually(() => again.text === '<a>')
})

test('a blackhole swallows one direction, or both, on old and new connections, until it heals', async () => {
  const old = await dial()
  proxy.blackhole('down')
  const young = await dial()
  old.socket.write('a')
  young.socket.write('b')
  await eventually(
    () =>
      upstream
        .map(({ text }) => text)
        .sort()
        .join() === 'a,b',
  )
  proxy.heal()
  proxy.blackhole('up')
  old.socket.write('c')
  upstream.find(({ text }) => text === 'a')?.socket.write('sentinel')
  await eventually(() => old.text === 'sentinel')
  proxy.blackhole()
  proxy.heal()
  old.socket.write('d')
  await eventually(() => old.text === 'sentinel<d>')
  expect(upstream.map(({ text }) => text).sort()).toEqual(['ad', 'b'])
  expect(young).toMatchObject({ text: '', closed: false })
})

test('a blackhole swallows the end of a connection too; healing ends what is left of it', async () => {
  const client = await dial()
  await eventually(() => upstream.length === 1)
  proxy.blackhole()
  upstream[0]?.socket.destroy()
  // A later connection that has come and gone in the proxy shows that the proxy had the time to pass the end on.
  const other = await dial()
  await eventually(() => upstream.length === 2)
  other.socket.destroy()
  await eventually(() => proxy.open === 1)
  expect(client.closed).toBe(false)
  proxy.heal()
  await eventually(() => client.closed)
})

test('refuses, without touching what is open, and accepts again on the same port', async () => {
  const client = await dial()
  const { port } = proxy
  proxy.refuse()
  await expect(dial()).rejects.toThrow('ECONNREFUSED')
  client.socket.write('a')
  await eventually(() => client.text === '<a>')
  await proxy.accept()
  expect(proxy.port).toBe(port)
  await dial()
})

test('a filter sees each chunk and decides what passes, and may cut at exactly that point', async () => {
  const seen: string[] = []
  const client = await dial()
  proxy.filter = (direction, chunk, connection) => {
    seen.push(`${connection} ${direction} ${chunk.toString()}`)
    if (chunk.toString() === '<lost>') return undefined
    if (chunk.toString() === '<last>') proxy.cut()
    return direction === 'up' && chunk.toString() === 'old' ? Buffer.from('new') : chunk
  }
  for (const [text, then] of [
    ['old', '<new>'],
    ['lost', '<new>'],
  ] as const) {
    client.socket.write(text)
    await eventually(() => seen.length % 2 === 0 && client.text === then)
  }
  client.socket.write('last')
  await eventually(() => client.closed)
  expect(client.text).toBe('<new>')
  expect(seen).toEqual(['1 up old', '1 down <new>', '1 up lost', '1 down <lost>', '1 up last', '1 down <last>'])
})
