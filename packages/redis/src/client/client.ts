import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** What a connection is for. */
export type RedisRole = 'publish' | 'subscribe'

/**
 * An ioredis client of version 5 or 6, or of ioredis-mock. Recognised by these two methods and
 * never by `instanceof`, so that any copy of the library will do.
 */
export interface RedisClient {
  /** Makes a client with the same options. */
  duplicate(...args: never[]): unknown
  /** Subscribes to channels by pattern. */
  psubscribe(...args: never[]): unknown
}

/** The part of a client that this package calls. */
export interface Client {
  on(event: string, listener: (...args: never[]) => void): unknown
  connect?(): Promise<void>
  publish(channel: string, message: string): Promise<unknown>
  set(key: string, value: string, unit: 'PX', ms: number, condition?: 'NX'): Promise<unknown>
  eval(script: string, keys: 1, key: string, ...args: (string | number | Buffer)[]): Promise<unknown>
  get(key: string): Promise<string | null>
  getBuffer(key: string): Promise<Buffer | null>
  del(key: string): Promise<unknown>
  subscribe(...channels: string[]): Promise<unknown>
  unsubscribe(...channels: string[]): Promise<unknown>
  psubscribe(...patterns: string[]): Promise<unknown>
  punsubscribe(...patterns: string[]): Promise<unknown>
  ping(): Promise<unknown>
  /** These two in a Cluster only. */
  cluster?(subcommand: 'SLOTS' | 'MYID' | 'NODES'): Promise<unknown>
  asking?(): Promise<unknown>
  /** These three are absent in ioredis-mock, or make things up there. */
  role?(): Promise<unknown>
  info?(section: string): Promise<unknown>
  duplicate?(options: Record<string, unknown>): Client
  disconnect(): void
  /** Absent in ioredis-mock, which has `connected` instead. */
  readonly status?: string
  readonly connected?: boolean
  /** Absent in ioredis-mock, and before the socket is made. */
  readonly stream?: (Duplex & Partial<Pick<Socket, 'bytesRead' | 'setKeepAlive'>>) | null
  readonly options?: Record<string, unknown>
}

export function isClient(value: unknown): value is RedisClient {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<RedisClient>).duplicate === 'function' &&
    typeof (value as Partial<RedisClient>).psubscribe === 'function'
  )
}

/** `nodes` is what ioredis-mock's cluster can be told by. */
export function isCluster(client: RedisClient): boolean {
  const { isCluster, nodes } = client as { isCluster?: unknown; nodes?: unknown }
  return isCluster === true || typeof nodes === 'function'
}

/** Whether commands can be written to it right now. */
export function isReady(client: Client): boolean {
  return client.status === undefined ? client.connected === true : client.status === 'ready'
}

/**
 * Throws a client away: its socket is closed at once, and a reconnection that it plans is called
 * off. Resolves when the socket has gone.
 */
export function discard(client: Client): Promise<void> {
  const { stream } = client
  const gone =
    stream && !stream.closed ? new Promise<void>((resolve) => stream.once('close', resolve)) : Promise.resolve()
  // Before disconnect(), which would wait for the peer to end its side too.
  stream?.destroy()
  client.disconnect()
  return gone
}
