import { createHash } from 'node:crypto'
import { InvalidArgumentError } from 'server-events'
import { checkTable, quotedTable } from '../table-name'

/** Options of `postgresMigration`. */
export interface PostgresMigrationOptions {
  /** As option `table` of PostgresTransport; `'server_events_outcomes'` by default. */
  readonly table?: string | undefined
}

/**
 * The SQL that makes the table of kept outcomes, for your migrations; it can be run again. The
 * transport itself makes no table: processes that start together would race for it.
 * @throws InvalidArgumentError
 */
export function postgresMigration({ table = 'server_events_outcomes' }: PostgresMigrationOptions = {}): string {
  const wanted = checkTable(table)
  if (wanted !== undefined) throw new InvalidArgumentError(`option table must be ${wanted}`)
  return `CREATE TABLE IF NOT EXISTS ${quotedTable(table)} (
  key bytea PRIMARY KEY,
  body bytea NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS "${indexOf(table.slice(table.indexOf('.') + 1))}" ON ${quotedTable(table)} (expires_at);
`
}

/** No other table has this name, which an index must not share: PostgreSQL would leave that in peace, and make no index. */
function indexOf(table: string): string {
  return `${table.slice(0, 30)}_${createHash('sha256').update(table).digest('hex').slice(0, 16)}_expires_at`
}
