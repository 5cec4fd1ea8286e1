import { NotKeptError } from 'server-events'
import type { EventKey, Message, Once } from 'server-events'
import { decodeEvent, encodeEvent } from 'server-events/transport-kit'
import type { LinkStore } from 'server-events/transport-kit'
import { answer } from '../errors'
import { Batcher } from '../session/batcher'
import type { Session } from '../session/session'
import { keyOf } from '../wire/names'
import { Locked } from './locked'
import { OutcomeTable } from './table'
import type { Patience, Row, Write } from './table'

const limitsOfWrites = { count: 256, size: 1_048_576 }
const limitsOfReads = { count: 512, size: Infinity }

/** Not at once after the start: a fleet starts together. */
const jittered = (ms: number): number => Math.round(ms * (0.75 + Math.random() / 2))

interface Read {
  readonly key: string
  readonly resolve: (message: Message | undefined) => void
  readonly reject: (error: Error) => void
}

/** What the store has to know. */
export interface OutcomesSettings {
  readonly prefix: string
  readonly table: string
  /** In ms; 0 for never. */
  readonly sweep: number
}

/** Kept outcomes over one connection: what is asked together is one statement. */
export class Outcomes implements LinkStore {
  readonly #place: string
  readonly #settings: OutcomesSettings
  readonly #table: OutcomeTable
  readonly #locked: Locked
  #sweeping: NodeJS.Timeout | undefined
  #closed = false
  readonly #writes = new Batcher<Write>(
    limitsOfWrites,
    ({ row }) => row?.body.length ?? 0,
    (batch) => this.#write(batch),
  )
  readonly #reads = new Batcher<Read>(
    limitsOfReads,
    () => 0,
    (batch) => this.#read(batch),
  )

  constructor(session: Session, place: string, settings: OutcomesSettings) {
    this.#place = place
    this.#settings = settings
    this.#table = new OutcomeTable(session, place, settings.table)
    this.#locked = new Locked(settings.table, () => this.#writes.wake())
  }

  async probe(): Promise<void> {
    await this.#asked(this.#table.check())
  }

  async set(key: EventKey, message: Message, keepMs: number): Promise<void> {
    await this.#set(key, message, keepMs)
  }

  setOnce(key: EventKey, message: Message, keepMs: number, once: Once): Promise<Message | undefined> {
    return this.#set(key, message, keepMs, once)
  }

  async delete(key: EventKey): Promise<void> {
    await new Promise((resolve, reject) => this.#writes.add({ key: this.#keyOf(key), resolve, reject }))
  }

  async get(key: EventKey): Promise<Message | undefined> {
    // What was asked to be written before is there.
    await this.#writes.idle()
    return new Promise((resolve, reject) => this.#reads.add({ key: this.#keyOf(key), resolve, reject }))
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#sweeping)
    this.#locked.close()
  }

  #keyOf(key: EventKey): string {
    return keyOf(this.#settings.prefix, key)
  }

  #set(key: EventKey, message: Message, keepMs: number, once?: Once): Promise<Message | undefined> {
    if (this.#settings.sweep > 0 && !this.#sweeping && !this.#closed) this.#sweepLater()
    const row = { key: this.#keyOf(key), body: Buffer.from(encodeEvent(key, message)), ms: keepMs }
    return new Promise((resolve, reject) =>
      this.#writes.add({ key: row.key, row, ...(once && { once }), resolve, reject }),
    )
  }

  /** None: it was woken for those that are to be tried again. */
  async #write(batch: readonly Write[]): Promise<void> {
    if (batch.length === 0) await this.#writeGroups(this.#locked.take(), 1)
    else await this.#writeGroups(batch, 50)
  }

  /** What a key is asked for again comes in a statement of its own if what is there decides about it. */
  async #writeGroups(batch: readonly Write[], patience: Patience): Promise<void> {
    let group = new Map<string, Write[]>()
    const end = async (): Promise<void> => {
      await this.#writeGroup([...group.values()].flat(), patience)
      group = new Map()
    }
    for (const write of batch) {
      const before = group.get(write.key)
      if (before?.some(({ once }) => once) || (before && write.once)) await end()
      const same = group.get(write.key)
      if (same) same.push(write)
      else group.set(write.key, [write])
    }
    await end()
  }

  /** One that is refused must not take the others along: it is looked for by halves, and ends alone. */
  async #writeGroup(group: readonly Write[], patience: Patience): Promise<void> {
    const batch = group.filter((write) => !this.#locked.joins(write))
    if (batch.length === 0) return
    try {
      const held = await this.#writeAll(batch, patience)
      for (const write of batch) write.resolve(held.get(write))
    } catch (error) {
      if (OutcomeTable.isLocked(error)) await this.#writeBesides(batch)
      else if (batch.length > 1 && OutcomeTable.isOfRow(error)) await this.#writeHalves(batch, patience)
      else this.#rejectAll(batch, error)
    }
  }

  async #writeHalves(batch: readonly Write[], patience: Patience): Promise<void> {
    const half = Math.ceil(batch.length / 2)
    await this.#writeGroup(batch.slice(0, half), patience)
    await this.#writeGroup(batch.slice(half), patience)
  }

  /** Some of the rows are held by transactions of others: those wait, and hold up none of the rest. */
  async #writeBesides(batch: readonly Write[]): Promise<void> {
    try {
      const keys = await this.#table.locked(batch.map(({ key }) => key))
      const isFree = ({ key }: Write): boolean => !keys.has(key)
      for (const write of batch) if (!isFree(write)) this.#locked.add(write)
      const free = batch.filter(isFree)
      // Rows that are only being inserted by others are found by halves.
      if (free.length < batch.length) await this.#writeGroup(free, 1)
      else if (batch.length > 1) await this.#writeHalves(batch, 1)
      else for (const write of batch) this.#locked.add(write)
    } catch (error) {
      this.#rejectAll(batch, error)
    }
  }

  /** What has settled before stays as it is. */
  #rejectAll(batch: readonly Write[], error: unknown): void {
    for (const { row, reject } of batch) reject(answer(error, this.#place, this.#settings.table, row && NotKeptError))
  }

  /** Resolves with what has stayed. */
  async #writeAll(batch: readonly Write[], patience: Patience): Promise<ReadonlyMap<Write, Message>> {
    await this.#table.check()
    // What is asked last of a key is what counts; nobody can see what was before.
    const last = [...new Map(batch.map((write) => [write.key, write])).values()]
    const gone = last.filter(({ row }) => !row)
    const plain = last.filter(({ row, once }) => row && !once)
    if (gone.length > 0)
      await this.#table.remove(
        gone.map(({ key }) => key),
        patience,
      )
    if (plain.length > 0)
      await this.#table.upsert(
        plain.map(({ row }) => row as Row),
        patience,
      )
    return this.#writeOnce(
      last.filter(({ once }) => once),
      patience,
    )
  }

  async #writeOnce(writes: readonly Write[], patience: Patience): Promise<ReadonlyMap<Write, Message>> {
    const held = new Map<Write, Message>()
    // Again for what has expired, was forgotten, or has changed in between.
    for (let left = writes; left.length > 0;) {
      const inserted = await this.#table.insert(
        left.map(({ row }) => row as Row),
        patience,
      )
      const refused = left.filter((_, index) => inserted[index] === false)
      if (refused.length === 0) break
      const bodies = await this.#table.select(refused.map(({ key }) => key))
      left = []
      for (const [index, write] of refused.entries()) {
        const body = bodies[index]
        const message = readable(body)
        if (message && write.once?.(message) !== 'none') held.set(write, message)
        else if (body === undefined || !(await this.#table.replace(write.row as Row, body, patience)))
          left = [...left, write]
      }
    }
    return held
  }

  async #read(batch: readonly Read[]): Promise<void> {
    try {
      await this.#table.check()
      const bodies = await this.#table.select(batch.map(({ key }) => key))
      batch.forEach((read, index) => this.#found(read, bodies[index]))
    } catch (error) {
      for (const { reject } of batch) reject(answer(error, this.#place, this.#settings.table))
    }
  }

  #found({ resolve, reject }: Read, body: Buffer | undefined): void {
    try {
      resolve(body && decodeEvent(body.toString()).message)
    } catch (error) {
      reject(error as Error)
    }
  }

  #sweepLater(): void {
    this.#sweeping = setTimeout(() => void this.#sweep(), jittered(this.#settings.sweep)).unref()
  }

  async #sweep(): Promise<void> {
    try {
      while (!this.#closed && (await this.#table.sweep()));
    } catch {
      // The next time, or somebody else.
    }
    if (!this.#closed) this.#sweepLater()
  }

  async #asked(asked: Promise<unknown>): Promise<void> {
    try {
      await asked
    } catch (error) {
      throw answer(error, this.#place, this.#settings.table)
    }
  }
}

function readable(body: Buffer | undefined): Message | undefined {
  try {
    return body && decodeEvent(body.toString()).message
  } catch {
    return undefined
  }
}
