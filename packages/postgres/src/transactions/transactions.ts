import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import { InvalidArgumentError } from 'server-events'
import type { Announcements } from './announcements'
import type { TransactionClient } from './savepoint'
import { Transaction } from './transaction'
import type { TransactionSettings } from './transaction'

/** Which transaction of the user's whoever calls is in. */
export class Transactions {
  readonly #settings: TransactionSettings
  readonly #announcements: Announcements
  /** Made when it is first needed: while one is in use every promise of the process costs more. */
  #context: AsyncLocalStorage<Transaction> | undefined
  /** On which a transaction of ours is open. */
  readonly #begun = new WeakSet<TransactionClient>()

  constructor(settings: TransactionSettings, announcements: Announcements) {
    this.#settings = settings
    this.#announcements = announcements
  }

  /** Also one that is over. */
  get current(): Transaction | undefined {
    return this.#context?.getStore()
  }

  /** Begins, and commits or rolls back; then it is told. */
  async run<T>(client: TransactionClient, work: () => T | Promise<T>): Promise<T> {
    if (this.#begun.has(client)) throw begunError()
    this.#begun.add(client)
    try {
      await begin(client)
      return await this.#run(client, work)
    } finally {
      this.#begun.delete(client)
    }
  }

  async #run<T>(client: TransactionClient, work: () => T | Promise<T>): Promise<T> {
    const transaction = new Transaction(client, this.#settings)
    let result: T
    try {
      result = await this.#within(transaction, work)
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
    const committed = commandOf(await client.query('COMMIT'))
    if (committed === 'ROLLBACK')
      throw new InvalidArgumentError(
        'the transaction was rolled back: a statement in it had failed, and its error was caught',
      )
    this.#announcements.ended(transaction.kept)
    return result
  }

  /** Inside a transaction that others begin and end. */
  async use<T>(client: TransactionClient, work: () => T | Promise<T>): Promise<T> {
    const transaction = new Transaction(client, this.#settings)
    try {
      return await this.#within(transaction, work)
    } finally {
      this.#announcements.remember(transaction.kept)
    }
  }

  async #within<T>(transaction: Transaction, work: () => T | Promise<T>): Promise<T> {
    this.#context ??= new AsyncLocalStorage()
    try {
      return await this.#context.run(transaction, async () => work())
    } finally {
      await transaction.end()
    }
  }
}

const IN_TRANSACTION = '25001'

/** Of an older one PostgreSQL only warns: what follows would end with it. */
async function begin(client: TransactionClient): Promise<void> {
  const warnings: unknown[] = []
  const noticed = ({ code }: { readonly code?: unknown }): void => void warnings.push(code)
  const emitter = client instanceof EventEmitter ? client : undefined
  emitter?.on('notice', noticed)
  try {
    await client.query('BEGIN')
  } finally {
    emitter?.off('notice', noticed)
  }
  if (warnings.includes(IN_TRANSACTION)) throw begunError()
}

function begunError(): InvalidArgumentError {
  return new InvalidArgumentError(
    'this client is in a transaction already: emit inside of that, or call transport.using() there, ' +
      'or give another client for a transaction of its own',
  )
}

function commandOf(result: unknown): unknown {
  return (result as { command?: unknown } | null | undefined)?.command
}
