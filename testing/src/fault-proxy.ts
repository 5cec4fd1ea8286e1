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

/** Starts a proxy in front of a server; a `RedisServer` will do as the target. */
export async function startProxy(target: { readonly port: number; readonly host?: string }): Promise<FaultProxy> {
  const proxy = new TcpFaultProxy(await freePort(), { host: '127.0.0.1', ...target, noDelay: true })
  await proxy.accept()
  return proxy
}

class TcpFaultProxy implements FaultProxy {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly url: string
  filter: Filter | undefined
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
    this.#pairs.add(pair)
    this.#pass('up', client, upstream, connection)
    this.#pass('down', upstream, client, connection)
    for (const socket of pair) {
      socket.on('close', () => {
        if (pair.every((side) => side.destroyed)) this.#pairs.delete(pair)
      })
    }
  }

  #pass(direction: Direction, from: Socket, to: Socket, connection: number): void {
    from.on('data', (chunk: Buffer) => {
      if (this.#swallowed.has(direction)) return
      const passed = this.filter ? this.filter(direction, chunk, connection) : chunk
      if (passed === undefined || to.destroyed || to.write(passed)) return
      from.pause()
      to.once('drain', () => from.resume())
    })
    from.on('error', () => {
      if (!this.#swallowed.has(direction)) to.destroy()
    })
    from.on('close', () => {
      // It may be waiting until this side drains.
      to.resume()
      // `end`, because what was written before still has to arrive.
      if (!this.#swallowed.has(direction)) to.end()
    })
  }
}
