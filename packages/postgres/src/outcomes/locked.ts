import { performance } from 'node:perf_hooks'
import { ConnectionError } from 'server-events'
import { TransientRefusal } from 'server-events/transport-kit'
import type { Write } from './table'

/** How often they are tried again, in ms. */
const AGAIN = 50

/** How long they are tried, in ms: what is emitted behind one under its name is told after it, and waits too. */
const MOST = 2_000

/** Writes of rows that open transactions of others hold. Here they wait for those, and hold up no others. */
export class Locked {
  readonly #table: string
  readonly #wake: () => void
  /** By key, in the order of asking. */
  #waiting = new Map<string, Write[]>()
  #timer: NodeJS.Timeout | undefined

  /** `wake` is called when it is time for `take`. */
  constructor(table: string, wake: () => void) {
    this.#table = table
    this.#wake = wake
  }

  /** Waits if one of its key waits already, which is to be written before it. */
  joins(write: Write): boolean {
    const isHeld = this.#waiting.has(write.key)
    if (isHeld) this.add(write)
    return isHeld
  }

  add(write: Write): void {
    write.lockedSince ??= performance.now()
    if (performance.now() - write.lockedSince > MOST) {
      write.reject(this.#tooLong(write))
      return
    }
    const same = this.#waiting.get(write.key)
    if (same) same.push(write)
    else this.#waiting.set(write.key, [write])
    this.#timer ??= setTimeout(this.#wake, AGAIN)
  }

  /** Those that are to be tried again. */
  take(): Write[] {
    const waiting = [...this.#waiting.values()].flat()
    this.#timer = undefined
    this.#waiting = new Map()
    return waiting
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #tooLong({ row }: Write): Error {
    // What is removed later is removed as well; what is kept later is found too late.
    if (!row) return new TransientRefusal('locked by another transaction, SQLSTATE 55P03')
    return new ConnectionError(
      `its row in table ${this.#table} was locked by another transaction for ${MOST} ms (SQLSTATE 55P03)`,
    )
  }
}
