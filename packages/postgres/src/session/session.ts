import { Socket } from 'node:net'
import { Client } from 'pg'
import type { QueryResult, types } from 'pg'
import { isEnding } from '../errors'
import type { PostgresClientOptions } from '../options'

/** How long the server may take to hear that we go, in ms. */
const FAREWELL = 250

/** By type, as text: whatever parsers the application has set for all of its clients. */
const parsers: Readonly<Record<number, (text: string) => unknown>> = {
  16: (text) => text === 't',
  17: (text) => Buffer.from(text.slice(2), 'hex'),
  20: Number,
  23: Number,
  701: Number,
}

/** Rows of a result, by column. */
export type Rows = readonly Readonly<Record<string, unknown>>[]

/** One connection of `pg`, over a socket of our own: it can be ended whatever the client waits for. */
export class Session {
  readonly #client: Client
  readonly #socket: Socket
  readonly #ended: (cause: unknown) => void
  /** The client takes one statement at a time. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(client: Client, socket: Socket, ended: (cause: unknown) => void) {
    this.#client = client
    this.#socket = socket
    this.#ended = ended
  }

  /** `ended` is called once it is over, or the attempt. Rejects with what the client says. */
  static async open(
    options: PostgresClientOptions,
    signal: AbortSignal,
    ended: (cause?: unknown) => void,
  ): Promise<Session> {
    const socket = new Socket()
    const client = new Client({
      fallback_application_name: 'server-events',
      ...options,
      keepAlive: true,
      stream: () => socket,
      types: { getTypeParser: ((oid: number) => parsers[oid] ?? String) as typeof types.getTypeParser },
    })
    let cause: unknown
    // What it says before it ends is why.
    client.on('error', (error) => (cause ??= error))
    client.on('end', () => ended(cause))
    const calledOff = (): void => void socket.destroy()
    signal.addEventListener('abort', calledOff, { once: true })
    try {
      await client.connect()
      return new Session(client, socket, ended)
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      signal.removeEventListener('abort', calledOff)
    }
  }

  get bytesRead(): number {
    return this.#socket.bytesRead
  }

  /** The process of the server, as the server has told when it greeted. */
  get processId(): number {
    return (this.#client as unknown as { readonly processID: number }).processID
  }

  /** `heard` is called with what comes by NOTIFY. */
  onNotification(heard: (channel: string, payload: string, processId: number) => void): void {
    this.#client.on('notification', ({ channel, payload = '', processId }) => heard(channel, payload, processId))
  }

  /** Behind those before. Several statements only without values; then the rows are those of the last one. */
  query(text: string, values?: readonly unknown[]): Promise<Rows> {
    const ask = async (): Promise<Rows> => {
      const result = await this.#client
        .query<Record<string, unknown>>(text, values as unknown[] | undefined)
        .catch((error: unknown) => this.#failed(error))
      const results = result as QueryResult<Record<string, unknown>> | QueryResult<Record<string, unknown>>[]
      return (Array.isArray(results) ? results.at(-1) : results)?.rows ?? []
    }
    const answered = this.#last.then(ask, ask)
    this.#last = answered.catch(() => undefined)
    return answered
  }

  #failed(error: unknown): never {
    // What was asked comes again on the next connection: this one would refuse it again.
    if (isEnding(error)) this.#ended(error)
    throw error
  }

  /** Its own `end` waits for a peer that is gone without a word. */
  async close(): Promise<void> {
    const late = setTimeout(() => this.#socket.destroy(), FAREWELL)
    try {
      await this.#client.end()
    } finally {
      clearTimeout(late)
      this.#socket.destroy()
    }
  }
}
