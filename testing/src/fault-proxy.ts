import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { NetConnectOpts, Server, Socket } from 'node:net'
import { freePort } from './ports'

/** `up` is what the client sends to the server, `down` what the server sends to the client. */
export type Direction = 'up' | 'down'

/**
 * Sees every chunk before it is passed on and returns what to pass on: the chunk, other bytes, or
 * `undefined` for nothing. A chunk is what one read gave: it may hold half a reply, or several.
 * `connection` counts from 1 in the order of accepting. May call the proxy's own methods.
 */
export type Filter = (direction: Direction, chunk: Buffer, connection: number) => Buffer | undefined

/** A TCP proxy that makes the faults of a network, on demand. */
export interface FaultProxy {
  readonly host: string
  readonly port: number
  /** Redis' URL through the proxy. */
  readonly url: string
  /** Connections that are open on the client's side. */
  readonly open: number
  /** Connections accepted since the start. */
  readonly accepted: number
  /** May be set and removed at any time. */
  filter: Filter | undefined
  /** As many bytes a second go each way, on each connection; without it as many as can. */
  bytesPerSecond: number | undefined
  /**
   * Forgets a connection on which nothing went either way for so many ms, as a NAT does: what is sent
   * on it from then on is swallowed, and neither side is told.
   */
  forgetAfter: number | undefined
  /** Destroys every connection, both sides. */
  cut(): void
  /**
   * Swallows what is sent in that direction, the end of the connection included, also on
   * connections that come later: they open, and nothing follows.
   */
  blackhole(direction?: Direction | 'both'): void
  /** Passes everything on again. What was swallowed stays lost; a side whose other side has gone is destroyed. */
  heal(): void
  /** Stops listening: connecting is refused. Open connections live on. */
  refuse(): void
  /** Listens again, on the same port. */
  accept(): Promise<void>
  /** Ends everything. Idempotent. */
  close(): Promise<void>
}

/** How often a slow link passes something on, in ms. */
const SLICE = 50

/** Starts a proxy in front of a server, on a free port or this one; a `RedisServer` will do as the target. */
export async function startProxy(
  target: { readonly port: number; readonly host?: string },
  port?: number,
): Promise<FaultProxy> {
  const proxy = new TcpFaultProxy(port ?? (await freePort()), { host: '127.0.0.1', ...target, noDelay: true })
  await proxy.accept()
  return proxy
}

/** One connection through the proxy. */
interface Flow {
  usedAt: number
  forgotten: boolean
}

class TcpFaultProxy implements FaultProxy {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly url: string
  filter: Filter | undefined
  bytesPerSecond: number | undefined
  forgetAfter: number | undefined
  accepted = 0
  readonly #target: NetConnectOpts
  readonly #pairs = new Set<readonly [client: Socket, upstream: Socket]>()
  readonly #swallowed = new Set<Direction>()
  #server: Server | undefined

  constructor(port: number, target: NetConnectOpts) {
    this.port = port
    this.url = `redis://${this.host}:${port}`
    this.#target = target
  }

  get open(): number {
    return [...this.#pairs].filter(([client]) => !client.destroyed).length
  }

  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }

  blackhole(direction: Direction | 'both' = 'both'): void {
    if (direction !== 'down') this.#swallowed.add('up')
    if (direction !== 'up') this.#swallowed.add('down')
  }

  heal(): void {
    this.#swallowed.clear()
    for (const pair of this.#pairs)
      if (pair.some((socket) => socket.destroyed)) for (const socket of pair) socket.destroy()
  }

  refuse(): void {
    // The port is free at once; 'close' would come only with the end of the last connection.
    this.#server?.close()
    this.#server = undefined
  }

  async accept(): Promise<void> {
    if (this.#server) return
    const server = createServer({ noDelay: true }, (client) => this.#join(client))
    this.#server = server
    server.listen({ port: this.port, host: this.host, exclusive: true })
    await once(server, 'listening')
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed = server && new Promise((resolve) => server.close(resolve))
    this.cut()
    await closed
  }

  #join(client: Socket): void {
    const connection = ++this.accepted
    const upstream = connect(this.#target)
    const pair = [client, upstream] as const
    const flow = { usedAt: performance.now(), forgotten: false }
    this.#pairs.add(pair)
    this.#pass('up', client, upstream, connection, flow)
    this.#pass('down', upstream, client, connection, flow)
    for (const socket of pair) {
      socket.on('close', () => {
        if (pair.every((side) => side.destroyed)) this.#pairs.delete(pair)
      })
    }
  }

  #pass(direction: Direction, from: Socket, to: Socket, connection: number, flow: Flow): void {
    const isSwallowed = (): boolean => this.#swallowed.has(direction) || flow.forgotten
    from.on('data', (chunk: Buffer) => {
      if (this.#isForgotten(flow) || isSwallowed()) return
      const passed = this.filter ? this.filter(direction, chunk, connection) : chunk
      if (passed !== undefined && this.bytesPerSecond !== undefined) {
        from.pause()
        this.#trickle(passed, to, () => from.resume())
        return
      }
      if (passed === undefined || to.destroyed || to.write(passed)) return
      from.pause()
      to.once('drain', () => from.resume())
    })
    from.on('error', () => {
      if (!isSwallowed()) to.destroy()
    })
    from.on('close', () => {
      // It may be waiting until this side drains.
      to.resume()
      // `end`, because what was written before still has to arrive.
      if (!isSwallowed()) to.end()
    })
  }

  #isForgotten(flow: Flow): boolean {
    const now = performance.now()
    flow.forgotten ||= now - flow.usedAt > (this.forgetAfter ?? Infinity)
    flow.usedAt = now
    return flow.forgotten
  }

  #trickle(chunk: Buffer, to: Socket, done: () => void): void {
    const { bytesPerSecond } = this
    if (to.destroyed || chunk.length === 0) {
      done()
      return
    }
    const size = bytesPerSecond === undefined ? chunk.length : Math.max(1, Math.round((bytesPerSecond * SLICE) / 1000))
    to.write(chunk.subarray(0, size))
    setTimeout(() => this.#trickle(chunk.subarray(size), to, done), SLICE)
  }
}
