import { sqlState } from '../errors'

/**
 * What a transaction is made with: a client of `pg`, one of its pool, or whatever else runs SQL in the
 * transaction, such as `{ query: (sql) => trx.raw(sql) }`. `sql` may hold several statements, with `;`
 * between them. With `once` the rows have to be found in what it resolves with, by whatever nesting.
 */
export interface TransactionClient {
  /** Runs the statements in order, and rejects if one of them fails. */
  query(sql: string): Promise<unknown>
}

/** A row that a statement has given. */
export type FoundRow = Readonly<Record<string, unknown>>

const NAME = 'server_events'

/** There is no transaction, or one that a statement has failed in before: either way no savepoint of ours. */
const notSet = new Set(['25P01', '25P02'])

/** What was asked last of each client: a savepoint of ours must not be set before the one before is released. */
const last = new WeakMap<TransactionClient, Promise<unknown>>()

/**
 * Runs statements, in one round trip. If one fails, all of it is taken back to where it began, and the transaction of
 * the user's goes on from there.
 */
export function behindSavepoint(client: TransactionClient, sql: string): Promise<FoundRow[]> {
  const run = (): Promise<FoundRow[]> => runBehindSavepoint(client, sql)
  const done = last.get(client)?.then(run) ?? run()
  last.set(
    client,
    done.catch(() => undefined),
  )
  return done
}

async function runBehindSavepoint(client: TransactionClient, sql: string): Promise<FoundRow[]> {
  try {
    return rowsOf(await client.query(`SAVEPOINT ${NAME}; ${sql}; RELEASE SAVEPOINT ${NAME}`))
  } catch (error) {
    if (!notSet.has(sqlState(error) ?? ''))
      await client.query(`ROLLBACK TO SAVEPOINT ${NAME}; RELEASE SAVEPOINT ${NAME}`).catch(() => undefined)
    throw error
  }
}

/** The rows of whatever a client gives: results with `rows`, lists of rows, lists of results. */
function rowsOf(result: unknown): FoundRow[] {
  if (Array.isArray(result)) return result.flatMap(rowsOf)
  if (typeof result !== 'object' || result === null) return []
  const { rows } = result as { rows?: unknown }
  return Array.isArray(rows) ? rowsOf(rows) : [result as FoundRow]
}
