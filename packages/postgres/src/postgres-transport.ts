import { InvalidArgumentError } from 'server-events'
import type { EventKey, Keeper, Message, Receiver, Topic, Transport } from 'server-events'
import { eventOf, transportOf } from 'server-events/transport-kit'
import { PostgresDriver } from './client/driver'
import { separate } from './options'
import type { PostgresClientOptions, PostgresTransportOptions } from './options'
import { Announcements } from './transactions/announcements'
import type { TransactionClient } from './transactions/savepoint'
import { Transactions } from './transactions/transactions'

/**
 * PostgreSQL through `pg`: LISTEN and NOTIFY for events, a table for kept outcomes. It opens two
 * connections, when each is first needed: one publishes and keeps, the other one listens.
 */
export class PostgresTransport implements Transport {
  readonly routing = 'name'
  readonly questions = true
  readonly publishTimeout?: number
  readonly keeper?: Keeper
  readonly #transport: Transport
  readonly #announcements: Announcements
  /** Absent where nothing is kept. */
  readonly #transactions: Transactions | undefined
  #receiver: Receiver | undefined
  #closed = false

  /**
   * @param config `postgres://user:password@host:port/database`, or options of a client of `pg`; what
   * is missing comes from the environment, as ever with `pg`
   * @throws InvalidArgumentError
   */
  constructor(config: string | PostgresClientOptions = {}, options: PostgresTransportOptions = {}) {
    const { settings, bounds } = separate(config, options)
    const driver = new PostgresDriver(settings, (warning) => {
      if (!this.#closed) this.#receiver?.error('outputStore', warning)
    })
    this.#transport = transportOf(driver, bounds)
    if (bounds.publishTimeout !== undefined) this.publishTimeout = bounds.publishTimeout
    this.#announcements = new Announcements(this.#transport)
    const { keeper } = this.#transport
    const { prefix, table } = settings
    if (!keeper || table === false) return
    this.#transactions = new Transactions({ prefix, table }, this.#announcements)
    this.keeper = {
      ...keeper,
      publish: (...args) => (this.#transactions?.current ?? keeper).publish(...args),
      forget: (key) => (this.#transactions?.current ?? keeper).forget(key),
    }
  }

  attach(receiver: Receiver): void {
    this.#transport.attach(receiver)
    this.#receiver = receiver
  }

  connect(): Promise<void> {
    return this.#transport.connect()
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.inTransaction() ? Promise.reject(unkeptError(key)) : this.#transport.publish(key, message)
  }

  subscribe(topic: Topic): Promise<void> {
    return this.#transport.subscribe(topic)
  }

  unsubscribe(topic: Topic): Promise<void> {
    return this.#transport.unsubscribe(topic)
  }

  close(): Promise<void> {
    this.#closed = true
    const close = (): Promise<void> => this.#transport.close()
    // Who commits and closes would leave all waits to their last look.
    return this.#announcements.lastWords()?.then(close) ?? close()
  }

  inTransaction(): boolean {
    return this.#transactions?.current !== undefined
  }

  /**
   * Begins a transaction on the client, does the work, and commits; rolls back if the work throws, and
   * then rejects with what it threw. What is emitted inside is stored with this client. It is told
   * right after the commit, or never: rolled back, nobody hears or finds it. An emit inside resolves
   * when it is stored; it needs `keep`, for what is not kept could not be taken back.
   *
   * Emits belong to the transaction by their asynchronous context. What the work has started and not
   * awaited rejects with InvalidArgumentError if it emits when the transaction is over.
   *
   * Resolves with what the work resolves with, when it is committed. Rejects with InvalidArgumentError
   * also if PostgreSQL has rolled back because a statement had failed and its error was caught.
   *
   * @param client a client of `pg`, of its pool or of its own, that is in no transaction
   */
  async transaction<T>(client: TransactionClient, work: () => T | Promise<T>): Promise<T> {
    return this.#withTable.run(client, work)
  }

  /**
   * The same inside a transaction that you, or an ORM, begin and end. Call `announce` when it is
   * committed: until then nobody is told. Without it waits find the outcome all the same, but not
   * before they look by themselves, at the latest shortly before their time is up.
   */
  async using<T>(client: TransactionClient, work: () => T | Promise<T>): Promise<T> {
    return this.#withTable.use(client, work)
  }

  /**
   * Tells of what was emitted inside `using` and is committed by now; of other transactions, open or
   * rolled back, nothing. What is not committed within a minute is forgotten. Resolves when all is
   * told; rejects as an emit does, and then may be called again.
   */
  announce(): Promise<void> {
    return this.#announcements.announce()
  }

  get #withTable(): Transactions {
    if (this.#transactions) return this.#transactions
    throw new InvalidArgumentError('option table is false, and a transaction keeps its outcomes there')
  }
}

function unkeptError(key: EventKey): InvalidArgumentError {
  return new InvalidArgumentError(
    `${eventOf(key)} is emitted inside a transaction and not kept, so it could not be taken back: ` +
      'give its name in option keep, or emit it when the transaction is over',
  )
}
