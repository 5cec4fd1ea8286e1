import { ConnectionError, InvalidArgumentError, UnsupportedError } from 'server-events'
import type { EventKey, Message, Once, ServerEventsError } from 'server-events'
import { alreadySettled, decodeEvent, encodeEvent, eventOf, TransientRefusal } from 'server-events/transport-kit'
import { answer, sqlState } from '../errors'
import { Batcher } from '../session/batcher'
import { quotedTable } from '../table-name'
import { keyOf } from '../wire/names'
import { behindSavepoint } from './savepoint'
import type { FoundRow, TransactionClient } from './savepoint'

/** What is to be told once it is committed. */
export interface Kept {
  readonly key: EventKey
  /** What is stored, as `encodeEvent` writes it. */
  readonly text: string
}

/** Where a transaction keeps outcomes. */
export interface TransactionSettings {
  readonly prefix: string
  readonly table: string
}

/** How much is stored by one statement. */
const limits = { count: 256, size: 1_048_576 }

/** What is there is to be this, for so many ms. */
interface Row {
  readonly key: EventKey
  readonly text: string
  /** Key and text as bytes in hexadecimal digits: no message, no id and no name is part of a statement but so. */
  readonly hash: string
  readonly body: string
  readonly ms: number
}

interface Emit {
  readonly row: Row
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Something else than an emit that replaces what is there. */
interface Task {
  readonly work: () => Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** With `E`, so that it is read alike whatever `standard_conforming_strings` says. */
const bytes = (digits: string): string => `E'\\\\x${digits}'`

const REPLACE = 'ON CONFLICT (key) DO UPDATE SET body = excluded.body, expires_at = excluded.expires_at'

/** Emits of a transaction of the user's: stored with its client, those of one tick together, in their order. */
export class Transaction {
  /** In the order of storing. */
  readonly kept: Kept[] = []
  readonly #client: TransactionClient
  readonly #settings: TransactionSettings
  readonly #table: string
  #isOver = false
  readonly #asked = new Batcher<Emit | Task>(
    limits,
    (item) => ('row' in item ? item.row.body.length : 0),
    (batch) => this.#run(batch),
  )

  constructor(client: TransactionClient, settings: TransactionSettings) {
    this.#client = client
    this.#settings = settings
    this.#table = quotedTable(settings.table)
  }

  publish(key: EventKey, { kind, body: content, headers, kept }: Message, keepMs: number, once?: Once): Promise<void> {
    // In the order in which it is read: what is found there gives the same text.
    const text = encodeEvent(key, { kind, body: content, headers, kept })
    const body = Buffer.from(text).toString('hex')
    const row: Row = { key, text, hash: this.#hashOf(key), body, ms: Math.trunc(keepMs) }
    return once ? this.#task(key, () => this.#keepOnce(row, once)) : this.#emit(row)
  }

  forget(key: EventKey): Promise<void> {
    const sql = `DELETE FROM ${this.#table} WHERE key = ${bytes(this.#hashOf(key))}`
    return this.#task(key, async () => {
      await this.#query(sql)
    })
  }

  /** Takes nothing more; resolves when what it took is done. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.#asked.idle()
  }

  #emit(row: Row): Promise<void> {
    if (this.#isOver) return Promise.reject(overError(row.key))
    return new Promise((resolve, reject) => this.#asked.add({ row, resolve, reject }))
  }

  #task(key: EventKey, work: () => Promise<void>): Promise<void> {
    if (this.#isOver) return Promise.reject(overError(key))
    return new Promise((resolve, reject) => this.#asked.add({ work, resolve, reject }))
  }

  async #run(batch: readonly (Emit | Task)[]): Promise<void> {
    let emits: Emit[] = []
    for (const item of batch) {
      if ('row' in item) {
        emits.push(item)
        continue
      }
      await this.#keep(emits)
      emits = []
      await item.work().then(item.resolve, item.reject)
    }
    await this.#keep(emits)
  }

  /** If they are refused together, each is asked for alone. */
  async #keep(emits: readonly Emit[]): Promise<void> {
    if (emits.length === 0) return
    try {
      await this.#upsert(emits.map(({ row }) => row))
      for (const { resolve } of emits) resolve()
    } catch (error) {
      const [first] = emits
      if (emits.length === 1) first?.reject(error as Error)
      else for (const emit of emits) await this.#keep([emit])
    }
  }

  async #upsert(rows: readonly Row[]): Promise<void> {
    await this.#query(`${this.#insert(rows)} ${REPLACE}`)
    for (const { key, text } of rows) this.kept.push({ key, text })
  }

  async #keepOnce(row: Row, once: Once): Promise<void> {
    const { key } = row
    const isFree = 'WHERE kept.expires_at <= clock_timestamp() RETURNING 1 AS se_kept'
    const inserted = await this.#query(`${this.#insert([row])} ${REPLACE} ${isFree}`)
    if (inserted.some((found) => 'se_kept' in found)) {
      this.kept.push({ key, text: row.text })
      return
    }
    const held = await this.#held(row)
    if (!held || once(held) === 'none') {
      await this.#upsert([row])
      return
    }
    this.kept.push({ key, text: encodeEvent(key, held) })
    if (once(held) !== 'same') throw alreadySettled(key)
  }

  /** What is there, and stays; `undefined` for what cannot be read. */
  async #held({ key, hash }: Row): Promise<Message | undefined> {
    const found = await this.#query(
      `SELECT encode(body, 'hex') AS se_body FROM ${this.#table} WHERE key = ${bytes(hash)}`,
    )
    const body = found.find((one) => 'se_body' in one)?.['se_body']
    if (typeof body !== 'string')
      throw new UnsupportedError(`${eventOf(key)} cannot be kept once: the client gives no rows that can be found`)
    try {
      return decodeEvent(Buffer.from(body, 'hex').toString()).message
    } catch {
      return undefined
    }
  }

  /** In the order of keys, so that no two transactions wait for each other for that alone; the last of each key. */
  #insert(rows: readonly Row[]): string {
    const last = [...new Map(rows.map((row) => [row.hash, row])).values()]
    if (last.length > 1) last.sort((one, other) => (one.hash < other.hash ? -1 : 1))
    const values = last.map(
      ({ hash, body, ms }) => `(${bytes(hash)}, ${bytes(body)}, clock_timestamp() + ${ms} * interval '1 ms')`,
    )
    return `INSERT INTO ${this.#table} AS kept (key, body, expires_at) VALUES ${values.join()}`
  }

  #hashOf(key: EventKey): string {
    return keyOf(this.#settings.prefix, key)
  }

  async #query(sql: string): Promise<FoundRow[]> {
    try {
      return await behindSavepoint(this.#client, sql)
    } catch (error) {
      throw this.#answer(error)
    }
  }

  #answer(error: unknown): ServerEventsError {
    if (sqlState(error) === '25P01')
      return new InvalidArgumentError('this client is in no transaction: begin one, or use transport.transaction()')
    const answered = answer(error, 'your client', this.#settings.table)
    return answered instanceof TransientRefusal ? new ConnectionError(answered.message) : answered
  }
}

function overError(key: EventKey): InvalidArgumentError {
  return new InvalidArgumentError(
    `${eventOf(key)} belongs to a transaction that is over: await what is emitted inside it, and start what goes on ` +
      'afterwards outside of it',
  )
}
