import type { Message, Once } from 'server-events'
import { sqlState, unfit } from '../errors'
import type { Session } from '../session/session'
import { quotedTable } from '../table-name'

/** What is kept. */
export interface Row {
  /** In hexadecimal digits. */
  readonly key: string
  readonly body: Buffer
  /** For so many ms from now on, by the clock of the server. */
  readonly ms: number
}

/** What is to be done with a row. */
export interface Write {
  readonly key: string
  /** Absent: the row goes. */
  readonly row?: Row
  /** Whether what is there is to stay. */
  readonly once?: Once
  /** Since when its row has been held by somebody else. */
  lockedSince?: number
  /** With what has stayed. */
  readonly resolve: (held?: Message) => void
  readonly reject: (error: Error) => void
}

/** How long a statement waits for a row, or the table, that somebody's open transaction holds, in ms: all emits wait behind it. */
export type Patience = 50 | 1

/** How many rows that have expired go at a time. */
const SWEPT = 1_000

/** What concerns one row, and not the others of its statement. */
const ofRow = /^(40001|40P01|22...|23...|54...)$/

const columnTypes: Readonly<Record<string, string>> = {
  key: 'bytea',
  body: 'bytea',
  expires_at: 'timestamp with time zone',
}

/** The statements. Writers lock rows in the order of keys, so that no two wait for each other. Nothing in them has a name that the table may have. */
export class OutcomeTable {
  readonly #session: Session
  readonly #place: string
  readonly #name: string
  readonly #quoted: string
  #checked: Promise<void> | undefined

  constructor(session: Session, place: string, name: string) {
    this.#session = session
    this.#place = place
    this.#name = name
    this.#quoted = quotedTable(name)
  }

  /** Whether a batch without one of its rows might pass. */
  static isOfRow(error: unknown): boolean {
    return ofRow.test(sqlState(error) ?? '')
  }

  /** Whether a row is held by somebody's open transaction, or the table. */
  static isLocked(error: unknown): boolean {
    return sqlState(error) === '55P03'
  }

  /** Rejects with UnsupportedError if it is not there, or not as it has to be. Asked once; after a failure again. */
  check(): Promise<void> {
    if (this.#checked) return this.#checked
    const checked = this.#check()
    this.#checked = checked
    checked.catch(() => {
      if (this.#checked === checked) this.#checked = undefined
    })
    return checked
  }

  /** Which of these keys have a row that somebody else holds: all if it is the table. One that is only being inserted is not seen. */
  async locked(keys: readonly string[]): Promise<ReadonlySet<string>> {
    try {
      const rows = await this.#session.impatientQuery(
        1,
        `SELECT encode(key, 'hex') AS key FROM ${this.#quoted} WHERE key = ANY($1::bytea[]) AND key <> ALL(ARRAY(
          SELECT key FROM ${this.#quoted} WHERE key = ANY($1::bytea[]) FOR UPDATE SKIP LOCKED
        ))`,
        [byteas(keys)],
      )
      return new Set(rows.map(({ key }) => String(key)))
    } catch (error) {
      if (!OutcomeTable.isLocked(error)) throw error
      return new Set(keys)
    }
  }

  async upsert(rows: readonly Row[], patience: Patience): Promise<void> {
    await this.#session.impatientQuery(patience, this.#insert, columnsOf(rows))
  }

  /** Whether each is there now: not where something else is that has not expired, which stays. */
  async insert(rows: readonly Row[], patience: Patience): Promise<boolean[]> {
    const inserted = await this.#session.impatientQuery(
      patience,
      `${this.#insert} WHERE kept.expires_at <= clock_timestamp() RETURNING encode(kept.key, 'hex') AS key`,
      columnsOf(rows),
    )
    const keys = new Set(inserted.map(({ key }) => key))
    return rows.map(({ key }) => keys.has(key))
  }

  /** Whether it is there now: not where there is something else than this body. */
  async replace({ key, body, ms }: Row, instead: Buffer, patience: Patience): Promise<boolean> {
    const replaced = await this.#session.impatientQuery(
      patience,
      `UPDATE ${this.#quoted} SET body = $2, expires_at = clock_timestamp() + $3::float8 * interval '1 ms'
      WHERE key = $1 AND body = $4 RETURNING 1 AS one`,
      [Buffer.from(key, 'hex'), body, ms, instead],
    )
    return replaced.length > 0
  }

  async remove(keys: readonly string[], patience: Patience): Promise<void> {
    await this.#session.impatientQuery(
      patience,
      `DELETE FROM ${this.#quoted} WHERE key = ANY(ARRAY(
        SELECT key FROM ${this.#quoted} WHERE key = ANY($1::bytea[]) ORDER BY key FOR UPDATE
      ))`,
      [byteas(keys)],
    )
  }

  /** One for each key, as the bytes that it is: in the server one that is no text would fail all of them. */
  async select(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    const rows = await this.#session.impatientQuery(
      50,
      `SELECT encode(key, 'hex') AS key, body FROM ${this.#quoted}
      WHERE key = ANY($1::bytea[]) AND expires_at > clock_timestamp()`,
      [byteas(keys)],
    )
    const bodies = new Map(rows.map(({ key, body }) => [key, body as Buffer]))
    return keys.map((key) => bodies.get(key))
  }

  /** Whether there may be more. By `now()`, which an index can look for: `clock_timestamp()` would be asked of each row. */
  async sweep(): Promise<boolean> {
    const rows = await this.#session.impatientQuery(
      50,
      `DELETE FROM ${this.#quoted} WHERE key = ANY(ARRAY(
        SELECT key FROM ${this.#quoted} WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED
      )) RETURNING 1 AS one`,
      [SWEPT],
    )
    return rows.length === SWEPT
  }

  get #insert(): string {
    return `INSERT INTO ${this.#quoted} AS kept (key, body, expires_at)
      SELECT r.key, r.body, clock_timestamp() + r.ms * interval '1 ms'
      FROM unnest($1::bytea[], $2::bytea[], $3::float8[]) AS r(key, body, ms) ORDER BY r.key
      ON CONFLICT (key) DO UPDATE SET body = excluded.body, expires_at = excluded.expires_at`
  }

  async #check(): Promise<void> {
    const rows = await this.#session.query(
      `SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indpred IS NULL
        AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS is_unique
      FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`,
      [this.#quoted],
    )
    if (rows.length === 0) throw unfit(this.#place, this.#name, 'it is not there')
    const columns = new Map(rows.map((row) => [row['name'], row]))
    for (const [name, type] of Object.entries(columnTypes))
      if (columns.get(name)?.['type'] !== type) throw unfit(this.#place, this.#name, `column ${name} has to be ${type}`)
    if (columns.get('key')?.['is_unique'] !== true)
      throw unfit(this.#place, this.#name, 'column key has to be the primary key')
  }
}

function columnsOf(rows: readonly Row[]): unknown[] {
  const bodies = rows.map(({ body }) => body.toString('hex'))
  return [byteas(rows.map(({ key }) => key)), byteas(bodies), rows.map(({ ms }) => ms)]
}

/** An array of bytes as PostgreSQL reads it. The client would look at each for what it has to escape. */
function byteas(digits: readonly string[]): string {
  return `{${digits.map((one) => `"\\\\x${one}"`).join()}}`
}
