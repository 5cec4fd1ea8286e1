// What docs/operations.md says of settings and of the time in which faults are found, on real servers.
import { performance } from 'node:perf_hooks'
import Redis from 'ioredis'
import { RedisTransport } from '@server-events/redis'
import { eventually, startProxy, startRedis, type RedisServer } from '@server-events/testing'
import { ServerEvents, UncertainError, type ServerEventsOptions } from 'server-events'
import { quotedIn, tableUnder } from './page'

const open: { close(): Promise<unknown> }[] = []
const servers: RedisServer[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((it) => it.close()))
  await Promise.all(servers.splice(0).map((server) => server.stop()))
})

async function start(...args: string[]): Promise<RedisServer> {
  const server = await startRedis({ args })
  servers.push(server)
  return server
}

function connect(url: string, options?: ServerEventsOptions<Record<string, unknown[]>>): ServerEvents {
  const events = new ServerEvents(new RedisTransport(url), options)
  events.onerror(() => undefined)
  open.push(events)
  return events
}

function adminOf(server: RedisServer): Redis {
  const admin = new Redis(server.url)
  open.push({
    close() {
      admin.disconnect()
      return Promise.resolve()
    },
  })
  return admin
}

test('the page names settings that exist, with the defaults that a server has', async () => {
  const admin = adminOf(await start())
  const rows = tableUnder('Redis settings')
  expect(rows.length).toBeGreaterThan(5)
  for (const [names, defaults] of rows) {
    const values = quotedIn(defaults)
    for (const [index, name] of quotedIn(names).entries()) {
      const [, value = 'no such setting'] = (await admin.config('GET', name)) as string[]
      const text = value.replace('pubsub 33554432 8388608 60', 'pubsub 32mb 8mb 60')
      if (values[index] === undefined) expect([name, text]).toEqual([name, '0'])
      else expect([name, text]).toEqual([name, expect.stringContaining(values[index]) as string])
    }
  }
})

test('maxmemory-policy: with any but noeviction, outcomes go before their time and nobody is told', async () => {
  const server = await start('--maxmemory', '3mb', '--maxmemory-policy', 'volatile-ttl')
  const events = connect(server.url, { keep: 3_600_000 })
  for (let id = 0; id < 3_000; id += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, n) => events.emit('report', id + n, 'x'.repeat(2_000))))
  }
  // Every emit has resolved.
  expect(await adminOf(server).dbsize()).toBeLessThan(3_000)
})

test.each([
  ['no', undefined],
  ['yes', ['kept']],
])('appendonly %s: after a crash there is %p', async (appendonly, found) => {
  const server = await start('--appendonly', appendonly, '--appendfsync', 'always')
  const events = connect(server.url, { keep: 3_600_000 })
  await events.emit('report', 1, 'kept')
  await server.kill()
  await server.restart()
  expect(await eventually(() => events.peek('report', 1).then((value) => [value]))).toEqual([found])
})

test('timeout cuts an idle publishing connection once, then the heartbeat keeps it warm; subscribing ones are exempt', async () => {
  const server = await start('--timeout', '2')
  const events = connect(server.url, { listen: ['report'] })
  const admin = adminOf(server)
  await events.init()
  await eventually(() => events.stats().inputStore.interruptions === 1 && events.stats().inputStore.connected)
  // As old as three timeouts, by the server's own count.
  await eventually(async () => {
    const clients = String(await admin.call('CLIENT', 'LIST', 'TYPE', 'normal')).split('\n')
    return clients.some((client) => Number(/ age=(\d+)/.exec(client)?.[1]) >= 7 && !client.includes('cmd=client'))
  })
  expect(events.stats().inputStore.interruptions).toBe(1)
  expect(events.stats().outputStore.interruptions).toBe(0)
})

test('min-replicas-to-write: without replicas the emit is not kept, and who waits gets it', async () => {
  const server = await start('--min-replicas-to-write', '1')
  const waiting = connect(server.url, { listen: ['report'] })
  await waiting.init()
  const wait = waiting.on('report', 1)
  await expect(connect(server.url, { keep: 60_000 }).emit('report', 1, 'heard')).rejects.toMatchObject({
    code: 'ERR_NOT_KEPT',
  })
  expect(await wait).toEqual(['heard'])
})

test('with the defaults a frozen server is found in 5 to 10 s by who waits, 5 s after its use by who emits', async () => {
  const server = await start()
  const events = connect(server.url, { listen: ['report'], keep: 60_000 })
  await events.init()
  server.pause()
  const frozen = performance.now()
  const emit = events.emit('report', 1, 'late')
  await expect(emit).rejects.toBeInstanceOf(UncertainError)
  const emitter = performance.now() - frozen
  await eventually(() => events.stats().outputStore.interruptions === 1)
  const subscriber = performance.now() - frozen
  // A busy machine may be late, but never early.
  expect(emitter).toBeGreaterThan(4_990)
  expect(emitter).toBeLessThan(10_000)
  expect(subscriber).toBeGreaterThan(4_990)
  expect(subscriber).toBeLessThan(15_000)
  expect(events.stats().inputStore.interruptions).toBe(1)
  // The guarantees say so: what is uncertain may take effect, even now.
  server.resume()
  expect(await eventually(async () => (await events.peek('report', 1)) ?? false)).toEqual(['late'])
})

test('an emit that was stored and not published, and gave up: the wait finds it at its last look', async () => {
  const server = await start()
  const proxy = await startProxy(server)
  open.push(proxy)
  const waiting = connect(server.url, { keep: 60_000, listen: ['report'] })
  await waiting.init()
  const worker = new ServerEvents(new RedisTransport(proxy.url, { publishTimeout: 300 }), { keep: 60_000 })
  worker.onerror(() => undefined)
  open.push(worker)
  await worker.init()
  proxy.filter = (direction, chunk) => {
    const publish = direction === 'up' ? chunk.indexOf('*3\r\n$7\r\npublish') : -1
    if (publish === -1) return chunk
    // SET goes through, the rest of this connection is lost; nothing else is ever let through.
    proxy.filter = () => undefined
    return chunk.subarray(0, publish)
  }
  const wait = waiting.on('report', 1, 1_000)
  await expect(worker.emit('report', 1, 'half')).rejects.toBeInstanceOf(UncertainError)
  expect(waiting.stats().pending).toBe(1)
  expect(await wait).toEqual(['half'])
  expect(waiting.stats().settled).toMatchObject({ backstop: 1, event: 0, timeout: 0 })
})
