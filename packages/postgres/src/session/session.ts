import { Socket } from 'node:net'
import { Client, Query } from 'pg'
import type { Connection, QueryResult, types } from 'pg'
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

type Row = Readonly<Record<string, unknown>>

/** Rows of a result, by column. */
export type Rows = readonly Row[]

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
    return this.#ask(() => this.#client.query(text, values as unknown[] | undefined))
  }

  /** The same for one statement with values, which waits no longer than so many ms for each lock: then it fails with 55P03. */
  impatientQuery(ms: number, text: string, values: readonly unknown[]): Promise<Rows> {
    return this.#ask(
      () =>
        new Promise((resolve, reject) => {
          const query = new Query(text, values as unknown[], (error, result) =>
            error ? reject(error) : resolve(result),
          )
          this.#client.query(withLockTimeout(ms, query))
        }),
    )
  }

  #ask(run: () => Promise<unknown>): Promise<Rows> {
    const ask = async (): Promise<Rows> => {
      const results = (await run().catch((error: unknown) => this.#failed(error))) as
        QueryResult<Row> | QueryResult<Row>[]
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

/**
 * Sets it before the statement and in its transaction, as both go out together: the statement itself could not, for the
 * lock of its table is taken before it runs; and who sets it for the session sets it for others behind a pooler.
 */
function withLockTimeout(ms: number, query: Query): Query {
  const submit = query.submit.bind(query)
  query.submit = (connection: Connection) => {
    connection.stream.cork()
    connection.parse({ name: '', text: `SELECT FROM set_config('lock_timeout', '${ms}ms', true)`, types: [] }, true)
    connection.bind({}, true)
    connection.execute({}, true)
    submit(connection)
    connection.stream.uncork()
  }
  return query
}
