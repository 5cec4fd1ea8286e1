import { createHash } from 'node:crypto'
import { InvalidArgumentError } from 'server-events'

/** Options of `postgresMigration`. */
export interface PostgresMigrationOptions {
  /** As option `table` of PostgresTransport; `'server_events_outcomes'` by default. */
  readonly table?: string | undefined
}

const WANTED =
  'a name of letters, digits and "_" of at most 63 characters, if need be with a schema before it: "app.outcomes"'

/** What is wanted of the name of a table instead of this; `undefined` if it will do. */
export function checkTable(value: unknown): string | undefined {
  return typeof value === 'string' && /^([a-z_]\w{0,62}\.)?[a-z_]\w{0,62}$/i.test(value) ? undefined : WANTED
}

/** As it stands in statements. */
export function quotedTable(table: string): string {
  return table
    .split('.')
    .map((part) => `"${part}"`)
    .join('.')
}

/**
 * The SQL that makes the table of kept outcomes, for your migrations; it can be run again. The
 * transport itself makes no table: processes that start together would race for it.
 * @throws InvalidArgumentError
 */
export function postgresMigration({ table = 'server_events_outcomes' }: PostgresMigrationOptions = {}): string {
  if (checkTable(table) !== undefined) throw new InvalidArgumentError(`option table must be ${WANTED}`)
  return `CREATE TABLE IF NOT EXISTS ${quotedTable(table)} (
  key bytea PRIMARY KEY,
  body bytea NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS "${indexOf(table.slice(table.indexOf('.') + 1))}" ON ${quotedTable(table)} (expires_at);
`
}

/** PostgreSQL takes 63 bytes, and would leave the index of another table in peace. */
function indexOf(table: string): string {
  const name = `${table}_expires_at`
  if (name.length <= 63) return name
  return `${table.slice(0, 30)}_${createHash('sha256').update(table).digest('hex').slice(0, 16)}_expires_at`
}
