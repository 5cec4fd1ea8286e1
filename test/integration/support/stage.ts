import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { NatsTransport } from '@server-events/nats'
import { RedisTransport, type RedisTransportOptions } from '@server-events/redis'
import { startNats, startRedis, type NatsServer, type RedisServer } from '@server-events/testing'
import { ServerEvents, type ServerEventsOptions, type Transport } from 'server-events'

type Untyped = ServerEventsOptions<Record<string, unknown[]>>

/** Where events are exchanged: makes connected instances, and closes them after each test. */
export interface Stage {
  readonly label: string
  /** An instance of its own connection, as another process would have. */
  connect(options?: Untyped): ServerEvents
}

const open: ServerEvents[] = []

function track(transport: Transport, options?: Untyped): ServerEvents {
  // Longer than the default: what comes must come, however slow the machine is.
  const events = new ServerEvents(transport, { timeout: 60_000, ...options })
  open.push(events)
  return events
}

async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((events) => events.close()))
}

/** A real server for the tests of a file. */
export function useRedis(...args: string[]): {
  readonly server: RedisServer
  connect(options?: Untyped, transport?: RedisTransportOptions): ServerEvents
  adopt(transport: Transport, options?: Untyped): ServerEvents
} {
  let server: RedisServer | undefined
  beforeAll(async () => {
    server = await startRedis({ args })
  })
  afterEach(closeAll)
  afterAll(() => server?.stop())
  const running = (): RedisServer => {
    if (server === undefined) throw new Error('the server is not running yet')
    return server
  }
  return {
    get server() {
      return running()
    },
    connect: (options, transport) => track(new RedisTransport(running().url, transport), options),
    adopt: track,
  }
}

/** Runs the same tests on MemoryTransport, on a real Redis in each mode of `channels`, and on a real NATS. */
export function onEveryTransport(define: (stage: Stage) => void): void {
  describe('on MemoryTransport', () => {
    let hub = new MemoryHub()
    beforeEach(() => {
      hub = new MemoryHub()
    })
    afterEach(closeAll)
    define({ label: 'memory', connect: (options) => track(new MemoryTransport({ hub }), options) })
  })
  describe.each([{}, { channels: 'name' }, { channels: 'id' }] as const)('on RedisTransport %j', (transport) => {
    const redis = useRedis()
    define({ label: 'redis', connect: (options) => redis.connect(options, transport) })
  })
  describe('on NatsTransport', () => {
    let server: NatsServer | undefined
    beforeAll(async () => {
      server = await startNats()
    })
    afterEach(closeAll)
    afterAll(() => server?.stop())
    define({
      label: 'nats',
      connect: (options) => track(new NatsTransport({ servers: `127.0.0.1:${server?.port}` }), options),
    })
  })
}
