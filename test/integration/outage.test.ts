import { inspect } from 'node:util'
import { RedisTransport } from '@server-events/redis'
import { eventually, startRedis, type RedisServer } from '@server-events/testing'
import { ServerEvents } from 'server-events'
import { useRedis } from './support/stage'

const redis = useRedis()

/** A port on which nothing listens until `start`. */
async function serverToCome(): Promise<{ port: number; start(): Promise<RedisServer> }> {
  const placeholder = await startRedis()
  await placeholder.stop()
  return { port: placeholder.port, start: () => startRedis({ port: placeholder.port }) }
}

test('waits pending across the loss of the server go on; later events resolve them; onready fires again', async () => {
  const server = await startRedis()
  try {
    const waiting = redis.adopt(new RedisTransport(server.url), { listen: ['ev'] })
    const emitting = redis.adopt(new RedisTransport(server.url))
    const ready: string[] = []
    const errors: unknown[] = []
    for (const events of [waiting, emitting]) events.onerror((_, error) => errors.push(error))
    waiting.onready((store) => ready.push(store))
    await Promise.all([waiting.init(), emitting.init()])
    expect(ready.sort()).toEqual(['inputStore', 'outputStore'])
    const before = waiting.on('ev', 1, 30_000)

    await server.kill()
    await eventually(() => !waiting.stats().outputStore.connected && !waiting.stats().inputStore.connected)
    const during = waiting.on('ev', 2, 30_000)
    const unheard = waiting.on('ev', 3, 100)
    await expect(unheard).rejects.toMatchObject({ code: 'ERR_TIMEOUT', disconnected: 100 })
    await server.restart()

    // Confirmed again when onready says so: an event emitted from then on reaches the waits.
    await eventually(() => ready.length === 4)
    expect(ready.slice(2).sort()).toEqual(['inputStore', 'outputStore'])
    await emitting.emit('ev', 1, 'first')
    await emitting.emit('ev', 2, 'second')
    expect(await Promise.all([before, during])).toEqual([['first'], ['second']])
    expect(waiting.stats().outputStore.interruptions).toBe(1)
    expect(errors.length).toBeGreaterThan(0)
  } finally {
    await server.stop()
  }
})

test('a server that is down at the start: init rejects after initTimeout with host and port, and goes through later', async () => {
  const { port, start } = await serverToCome()
  const events = redis.adopt(new RedisTransport({ host: '127.0.0.1', port }), { listen: ['ev'], initTimeout: 300 })
  events.onerror(() => undefined)
  await expect(events.init()).rejects.toMatchObject({
    code: 'ERR_CONNECTION',
    sent: false,
    message: expect.stringContaining(`127.0.0.1:${port}`) as string,
  })
  // A wait still ends at its own timeout.
  await expect(events.on('ev', 1, 50)).rejects.toMatchObject({ code: 'ERR_TIMEOUT', timeout: 50, subscribed: false })
  const wait = events.on('ev', 2, 30_000)
  const server = await start()
  try {
    await eventually(() => events.init().then(() => true))
    await events.emit('ev', 2, 'here')
    expect(await wait).toEqual(['here'])
  } finally {
    await events.close()
    await server.stop()
  }
})

test('a wrong password rejects init, waits and emits with AuthError at once, without the password', async () => {
  const guarded = await startRedis({ args: ['--requirepass', 'right'] })
  try {
    const url = `redis://:wr0ng-secret@127.0.0.1:${guarded.port}`
    const events = redis.adopt(new RedisTransport(url), { listen: ['ev'] })
    const told: unknown[] = []
    events.onerror((_, error) => told.push(error))
    for (const attempt of [() => events.init(), () => events.on('ev', 1), () => events.emit('ev', 1, 'pay-load')]) {
      const error: unknown = await attempt().catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'ERR_AUTH' })
      told.push(error)
    }
    for (const error of told) {
      const text = `${JSON.stringify(error)} ${inspect(error, { depth: 20, showHidden: true })}`
      expect(text).not.toMatch(/wr0ng-secret|pay-load/)
    }
  } finally {
    await guarded.stop()
  }
})

test('no permission on a channel: ForbiddenError on that call only', async () => {
  const limited = await startRedis({
    args: '--user api on >pw resetchannels &se:open:* ~* +@all --user default off'.split(' '),
  })
  try {
    const url = `redis://api:pw@127.0.0.1:${limited.port}`
    const events = redis.adopt(new RedisTransport(url))
    events.onerror(() => undefined)
    await events.init()
    await events.listen('open')
    const open = events.on('open', 1, 20_000)
    await expect(events.on('closed', 1, 20_000)).rejects.toMatchObject({
      code: 'ERR_FORBIDDEN',
      channel: expect.stringContaining('closed') as string,
    })
    await expect(events.emit('closed', 1, 'x')).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' })
    await events.emit('open', 1, 'still fine')
    expect(await open).toEqual(['still fine'])
  } finally {
    await limited.stop()
  }
})

test('closing is bounded while the server is down, while connecting, and with queued emits', async () => {
  const { port } = await serverToCome()
  const events = new ServerEvents(new RedisTransport({ host: '127.0.0.1', port, publishTimeout: 60_000 }))
  events.onerror(() => undefined)
  const init = events.init().catch((error: unknown) => error)
  const wait = events.on('ev', 1, 60_000)
  const emit = events.emit('ev', 1, 'x')
  await events.close()
  await expect(wait).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await expect(emit).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  expect(await init).toMatchObject({ code: 'ERR_CLOSED' })
  expect(events.stats()).toMatchObject({ pending: 0, queued: 0 })
})
