import { performance } from 'node:perf_hooks'
import { createServer, connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { eventually, startNats, startProxy } from '@server-events/testing'
import type { FaultProxy, NatsServer } from '@server-events/testing'
import { closeAll, event, open, rejection, sentinel } from './support'

let nats: NatsServer
let proxy: FaultProxy

beforeAll(async () => {
  nats = await startNats({ config: 'max_pending: 1MB' })
})

beforeEach(async () => {
  proxy = await startProxy(nats)
})

afterEach(async () => {
  nats.resume()
  await closeAll()
  await proxy.close()
})

afterAll(async () => {
  await nats.stop()
})

const key = { name: 'report', id: '42' }

describe('a server that is killed and started again', () => {
  let nats: NatsServer

  beforeEach(async () => {
    nats = await startNats()
  })

  afterEach(async () => {
    await closeAll()
    await nats.stop()
  })

  test('costs an interruption on both sides, and nothing that is emitted after it or kept before it', async () => {
    const api = open(nats)
    const worker = open(nats)
    await api.transport.subscribe({ name: 'report', id: '42' })
    await worker.transport.keeper?.publish(key, event('kept'), 60_000)
    await nats.kill()
    await eventually(() => api.receiver.log.at(-1) === 'outputStore down' && worker.receiver.log.length === 2)
    const emitted = worker.transport.publish(key, event('emitted while down'))
    await nats.restart()
    await emitted
    await eventually(() => api.receiver.ups('outputStore') === 2)
    await sentinel(worker, api, key)
    expect(await worker.transport.keeper?.recall([key])).toEqual([event('kept')])
    expect(api.receiver.log).toEqual(['outputStore up', 'outputStore down', 'outputStore up'])
    expect(worker.receiver.log).toEqual(['inputStore up', 'inputStore down', 'inputStore up'])
    expect(api.receiver.causes[0]).toMatchObject({ code: 'ERR_CONNECTION' })
    expect(String(api.receiver.causes[0])).toContain(`127.0.0.1:${nats.port}`)
  })

  test('is told of with host and port, attempt by attempt, before the first connection and after it', async () => {
    const { transport, receiver } = open(nats)
    await nats.kill()
    const connected = transport.connect()
    await eventually(() => receiver.errors.length >= 2)
    expect(receiver.errors[0]).toMatchObject({ code: 'ERR_CONNECTION' })
    expect(receiver.errors[0]?.message).toBe(`no connection to nats at 127.0.0.1:${nats.port}: ECONNREFUSED`)
    await nats.restart()
    await connected
    const before = receiver.errors.length
    await nats.kill()
    await eventually(() => receiver.errors.length >= before + 2)
    expect(receiver.errors.at(-1)).toMatchObject({ code: 'ERR_CONNECTION' })
    await nats.restart()
    await eventually(() => receiver.ups('inputStore') === 2)
  })
})

test('a server that greets and hangs up is tried again long before the timeout', async () => {
  const { transport, receiver } = open(proxy)
  proxy.filter = (direction, chunk) => {
    if (direction === 'up') proxy.cut()
    return chunk
  }
  const connecting = transport.connect()
  await eventually(() => receiver.errors.length > 0)
  expect(receiver.errors[0]?.message).toBe(`no connection to nats at 127.0.0.1:${proxy.port}: closed by the server`)
  proxy.filter = undefined
  await connecting
})

describe('while there is no connection', () => {
  test('an emit waits for its time and rejects as not sent; more than maxQueued reject at once', async () => {
    const { transport } = open(proxy, { publishTimeout: 100, maxQueued: 2 })
    proxy.refuse()
    const waiting = [event('1'), event('2')].map((message) => rejection(transport.publish(key, message)))
    const refused = await rejection(transport.publish(key, event('3')))
    expect(refused).toMatchObject({ code: 'ERR_CONNECTION', sent: false })
    expect(refused.message).toContain('2 emits (maxQueued)')
    for (const error of await Promise.all(waiting)) {
      expect(error).toMatchObject({ code: 'ERR_CONNECTION', sent: false })
      expect(error.message).toBe(
        `event "report" with id "42" was not sent: no connection to nats at 127.0.0.1:${proxy.port} within 100 ms`,
      )
    }
  })

  test('recall answers errors at once, and forget rejects in its time', async () => {
    const { transport, receiver } = open(proxy, { publishTimeout: 2_000 })
    await transport.connect()
    proxy.refuse()
    proxy.cut()
    await eventually(() => receiver.log.at(-1) === 'inputStore down')
    const ends: string[] = []
    const forgetting = rejection(transport.keeper!.forget(key)).finally(() => ends.push('forget'))
    const [answer] = (await transport.keeper!.recall([key]).finally(() => ends.push('recall'))) as [unknown]
    expect(answer).toMatchObject({ code: 'ERR_CONNECTION' })
    expect(await forgetting).toMatchObject({ code: 'ERR_CONNECTION' })
    // Though it was asked later.
    expect(ends).toEqual(['recall', 'forget'])
  })
})

describe('a connection on which nothing is answered', () => {
  test('makes an emit uncertain in its time', async () => {
    const { transport } = open(proxy, { publishTimeout: 200 })
    await transport.connect()
    proxy.blackhole('down')
    const error = await rejection(transport.publish(key, event('secret')))
    expect(error).toMatchObject({ code: 'ERR_UNCERTAIN' })
    expect(error.message).toBe(
      'event "report" with id "42" was not acknowledged within 200 ms: it may have been delivered, or may be yet',
    )
  })

  test('is found by the heartbeat and replaced, and what was emitted into it is sent again', async () => {
    const api = open(nats)
    await api.transport.subscribe({ name: 'report' })
    const worker = open(proxy, { heartbeat: 150 })
    await worker.transport.connect()
    proxy.blackhole()
    const emitted = worker.transport.publish(key, event('into the hole'))
    await eventually(() => worker.receiver.log.at(-1) === 'inputStore down')
    expect(worker.receiver.causes[0]?.message).toContain('did not answer PING')
    proxy.heal()
    proxy.cut()
    await emitted
    await sentinel(worker, api, key)
    expect(api.receiver.bodies[0]).toBe('into the hole')
  })

  test('is replaced also if its peer reads nothing and more was written than buffers hold', async () => {
    const stuck = await startStuckProxy(nats.port)
    const worker = open(stuck, { heartbeat: 500 })
    await worker.transport.connect()
    stuck.stop('up')
    const body = 'x'.repeat(1_000_000)
    const emits = Array.from({ length: 8 }, () => worker.transport.publish(key, event(body)))
    await eventually(() => worker.receiver.log.at(-1) === 'inputStore down')
    stuck.go()
    await Promise.all(emits)
    expect(worker.receiver.log).toEqual(['inputStore up', 'inputStore down', 'inputStore up'])
    await closeAll()
    await stuck.close()
  })

  test('while subscribing is replaced after subscribeTimeout, and the subscribe settles on the next', async () => {
    const { transport, receiver } = open(proxy, { subscribeTimeout: 150, heartbeat: 0 })
    await transport.subscribe({ name: 'other' })
    proxy.blackhole('down')
    const subscribed = transport.subscribe(key)
    await eventually(() => receiver.log.at(-1) === 'outputStore down')
    expect(receiver.causes[0]?.message).toContain('did not answer a subscription within 150 ms')
    proxy.heal()
    proxy.cut()
    await subscribed
    await eventually(() => receiver.ups('outputStore') === 2)
  })
})

describe('a consumer that is too slow', () => {
  test('is cut off by the server, which is an interruption, and hears again afterwards', async () => {
    const stuck = await startStuckProxy(nats.port)
    const api = open(stuck, { heartbeat: 0 })
    const worker = open(nats)
    await api.transport.subscribe({ name: 'report' })
    stuck.stop('down')
    const body = 'x'.repeat(500_000)
    await eventually(async () => {
      await worker.transport.publish(key, event(body))
      return (await nats.log()).includes('Slow Consumer Detected')
    })
    stuck.go()
    await eventually(() => api.receiver.ups('outputStore') === 2)
    expect(api.receiver.log).toEqual(['outputStore up', 'outputStore down', 'outputStore up'])
    await sentinel(worker, api, key)
    await closeAll()
    await stuck.close()
  })
})

test('outputStore is up again only when what was subscribed meanwhile is confirmed too', async () => {
  const { transport, receiver } = open(proxy)
  await transport.subscribe({ name: 'report' })
  const log: string[] = []
  // As a promise reaction, as which the subscribe settles too.
  receiver.state = (store, up) => void Promise.resolve().then(() => log.push(`${store} ${up ? 'up' : 'down'}`))
  let pongs = 0
  proxy.filter = (direction, chunk, connection) => {
    // The first answers the greeting, the second confirms what was restored.
    if (direction === 'down' && connection === 2 && chunk.includes('PONG') && ++pongs === 2)
      void transport.subscribe({ name: 'late' }).then(() => log.push('late is confirmed'))
    return chunk
  }
  proxy.cut()
  await eventually(() => log.length >= 3)
  expect(log).toEqual(['outputStore down', 'late is confirmed', 'outputStore up'])
})

describe('close', () => {
  test('while a frozen server is tried for the first time leaves no socket open', async () => {
    const { transport } = open(proxy)
    nats.pause()
    const connecting = rejection(transport.connect())
    await eventually(() => proxy.open === 1)
    await transport.close()
    expect(await connecting).toMatchObject({ code: 'ERR_CLOSED' })
    await eventually(() => proxy.open === 0)
  })

  test('an attempt that a frozen server never answers ends after the timeout, and leaves no socket open', async () => {
    const { transport, receiver } = open(proxy, { timeout: 100 })
    nats.pause()
    const connecting = transport.connect()
    await eventually(() => receiver.errors.length === 3)
    expect(receiver.errors[0]?.message).toContain('no answer in time')
    await eventually(() => proxy.open <= 1)
    nats.resume()
    await connecting
  })

  test('while the server is greeted for the first time is bounded too', async () => {
    const timeout = 20_000
    const { transport } = open(proxy, { timeout })
    proxy.filter = (direction, chunk) => (direction === 'down' && chunk.includes('PONG') ? undefined : chunk)
    const connecting = rejection(transport.connect())
    await eventually(() => proxy.open === 1)
    const began = performance.now()
    await transport.close()
    expect(performance.now() - began).toBeLessThan(timeout / 2)
    expect(await connecting).toMatchObject({ code: 'ERR_CLOSED' })
    await eventually(() => proxy.open === 0)
  })

  test('while a frozen server is tried again leaves no socket open', async () => {
    const { transport, receiver } = open(proxy)
    await transport.connect()
    const before = proxy.accepted
    nats.pause()
    proxy.cut()
    await eventually(() => receiver.log.at(-1) === 'inputStore down' && proxy.accepted > before && proxy.open === 1)
    await transport.close()
    await eventually(() => proxy.open === 0)
    expect(receiver.log).toEqual(['inputStore up', 'inputStore down'])
  })

  test('rejects what is written and not acknowledged as uncertain, and what is not written as closed', async () => {
    const { transport } = open(proxy)
    await transport.connect()
    proxy.blackhole('down')
    const written = rejection(transport.publish(key, event('written')))
    await new Promise((resolve) => setImmediate(resolve))
    const unwritten = rejection(transport.publish(key, event('not written')))
    await transport.close()
    expect(await written).toMatchObject({ code: 'ERR_UNCERTAIN' })
    expect(await unwritten).toMatchObject({ code: 'ERR_CLOSED' })
  })
})

describe('credentials', () => {
  const users = (pass: string): string => `authorization { user: somebody, password: ${pass} }`

  test('refused after a first success are an interruption, reported and tried again', async () => {
    const own = await startNats({ config: users('right') })
    const { transport, receiver } = open(own, { user: 'somebody', pass: 'right' })
    await transport.subscribe(key)
    await own.restart({ config: users('other') })
    await eventually(() => receiver.errors.filter(({ message }) => message.includes('credentials')).length >= 3)
    const refusal = receiver.errors.find(({ message }) => message.includes('credentials'))
    expect(refusal).toMatchObject({ code: 'ERR_AUTH' })
    await own.restart({ config: users('right') })
    await eventually(() => receiver.ups('outputStore') === 2)
    await closeAll()
    await own.stop()
  })

  test('never show up in an error', async () => {
    const own = await startNats({ config: users('right') })
    const { transport, receiver } = open(own, { user: 'somebody', pass: 'pa55word' })
    const error = await rejection(transport.connect())
    expect(error).toMatchObject({ code: 'ERR_AUTH' })
    expect(error.message).toBe(`nats at 127.0.0.1:${own.port} refused the credentials (authorization violation)`)
    expect(JSON.stringify([error, receiver.errors]) + String(error.stack)).not.toContain('pa55word')
    await closeAll()
    await own.stop()
  })
})

interface StuckProxy {
  readonly port: number
  /** Reads no more in that direction: what is sent fills the buffers, and then the sender has to wait. */
  stop(direction: 'up' | 'down'): void
  /** Reads again; connections that were stopped are destroyed. */
  go(): void
  close(): Promise<void>
}

/** A fault proxy reads all that it swallows; this one stops reading. */
async function startStuckProxy(target: number): Promise<StuckProxy> {
  const sockets = new Set<Socket>()
  const pairs = new Set<{ readonly up: Socket; readonly down: Socket }>()
  let stopped: 'up' | 'down' | undefined
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => other.destroy())
    }
    const pair = { up: client, down: upstream }
    pairs.add(pair)
    client.on('data', (chunk) => upstream.write(chunk))
    upstream.on('data', (chunk) => client.write(chunk))
    if (stopped) pair[stopped].pause()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    stop(direction) {
      stopped = direction
      for (const pair of pairs) pair[direction].pause()
    },
    go() {
      stopped = undefined
      for (const { up, down } of pairs) for (const socket of [up, down]) if (socket.isPaused()) socket.destroy()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
