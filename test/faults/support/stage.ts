import Redis, { type RedisOptions } from 'ioredis'
import { RedisTransport, type RedisTransportOptions } from '@server-events/redis'
import { startProxy, startRedis, type FaultProxy, type Filter, type RedisServer } from '@server-events/testing'
import { ServerEvents, type ServerEventsOptions } from 'server-events'
import { Complaints, password } from './complaints'
import { subscribes } from './push'

type Untyped = ServerEventsOptions<Record<string, unknown[]>>

/** A server of the test's own, with a proxy before the waiting side and one before the emitting side. */
export class Stage {
  readonly complaints = new Complaints()
  /** Looks at what passes the waiting side's proxy, and may swallow it. */
  meddle: Filter | undefined
  /** The connections of the waiting side's proxy that have subscribed. */
  readonly subscribing = new Set<number>()
  readonly #instances: ServerEvents[] = []

  private constructor(
    readonly server: RedisServer,
    readonly inlet: FaultProxy,
    readonly outlet: FaultProxy,
    /** Beside the proxies. */
    readonly admin: Redis,
  ) {
    inlet.filter = (direction, chunk, connection) => {
      if (direction === 'up' && subscribes(chunk)) this.subscribing.add(connection)
      return this.meddle ? this.meddle(direction, chunk, connection) : chunk
    }
  }

  static async open(args: readonly string[] = []): Promise<Stage> {
    const server = await startRedis({ args: ['--requirepass', password, ...args] })
    const admin = new Redis(server.url, { password, retryStrategy: () => 50 })
    admin.on('error', () => undefined)
    return new Stage(server, await startProxy(server), await startProxy(server), admin)
  }

  /** An instance of its own connections. `at` is where it connects to, 'server' without a proxy. */
  connect(
    at: 'inlet' | 'outlet' | 'server',
    options: Untyped,
    transport: RedisOptions & RedisTransportOptions,
  ): ServerEvents {
    const { host, port } = this[at]
    return this.adopt(new RedisTransport({ host, port, password, ...transport }), options)
  }

  adopt(transport: RedisTransport, options: Untyped): ServerEvents {
    const events = new ServerEvents(transport, options)
    events.onerror((_, error) => this.complaints.add(error))
    this.#instances.push(events)
    return events
  }

  async close(): Promise<void> {
    // A frozen server would make each of them take its time.
    this.server.resume()
    await Promise.all(this.#instances.map((events) => events.close()))
    this.admin.disconnect()
    await Promise.all([this.inlet.close(), this.outlet.close()])
    await this.server.stop()
  }
}

/** Ends the stage however the test ends, or jest would never exit. */
export async function onStage<T>(args: readonly string[] | undefined, use: (stage: Stage) => Promise<T>): Promise<T> {
  const stage = await Stage.open(args)
  try {
    return await use(stage)
  } finally {
    await stage.close()
  }
}
