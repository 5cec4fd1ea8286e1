import { performance } from 'node:perf_hooks'
import { ConnectionError, ServerEventsError } from 'server-events'
import { Timer } from 'server-events/transport-kit'
import type { Life } from 'server-events/transport-kit'
import { isElsewhere, isPassing, refusal, replyCode } from '../errors'
import type { Connection } from '../client/link'
import type { OutcomeStore } from './store'

/** The value of a key, `null` if there is none, or an Error if that is not known. */
export type Found = string | null | Error

/** As long as something is heard, an answer may take so many times its time. */
const PATIENCE = 12

/** How long it takes until what was refused for now is asked again, in ms: longer each time. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1_000

interface Lookup {
  readonly keys: readonly string[]
  readonly answers: (Found | undefined)[]
  readonly resolve: (found: Found[]) => void
  readonly timer: Timer
  /** When its time is up, unless an answer is on its way. */
  readonly due: number
  writtenOn: Connection | undefined
  /** What had been heard on that connection when it was last looked at. */
  heard: number
  /** The same of each key, where keys are on servers of their own. */
  readonly heardOf: (number | undefined)[]
  left: number
  /** Why the server refused for now, the last time. */
  refused: string | undefined
}

/** What lookups tell. */
export interface LookupsHost {
  /** Nothing was heard on the connection for half of the timeout, although it owes an answer. */
  silent(): void
  /** The server at this place said that a key is on another node. */
  elsewhere(place: string): void
}

/**
 * Reads of keys. They are answered on the connection that they were written to or not at all: what
 * asks has a better notion than this class of whether it is worth asking again.
 */
export class Lookups {
  readonly #timeout: number
  readonly #host: LookupsHost
  #connection: Connection | undefined
  #store: OutcomeStore | undefined
  /** Whether the last attempt to connect failed, so that to wait for it would be to wait in vain. */
  #failing = false
  readonly #pending = new Set<Lookup>()

  /** `timeout` in ms. */
  constructor(timeout: number, host: LookupsHost) {
    this.#timeout = timeout
    this.#host = host
  }

  get size(): number {
    return this.#pending.size
  }

  /** Never rejects. */
  get(keys: readonly string[]): Promise<Found[]> {
    if (keys.length === 0) return Promise.resolve([])
    if (this.#failing) return Promise.resolve(keys.map(() => unreachable()))
    return new Promise((resolve) => {
      const lookup: Lookup = {
        keys,
        answers: keys.map(() => undefined),
        resolve,
        timer: new Timer(() => this.#look(lookup)),
        due: performance.now() + this.#timeout,
        writtenOn: undefined,
        heard: 0,
        heardOf: [],
        left: keys.length,
        refused: undefined,
      }
      this.#pending.add(lookup)
      if (this.#connection && this.#store) this.#write(lookup, this.#connection, this.#store)
      else this.#arm(lookup)
    })
  }

  /** `store` is where this connection finds keys. */
  up(connection: Connection, store: OutcomeStore): void {
    this.#connection = connection
    this.#store = store
    this.#failing = false
    for (const lookup of this.#pending) this.#write(lookup, connection, store)
  }

  down(because: () => Error = () => unreachable()): void {
    this.#connection = undefined
    this.#failing = true
    for (const lookup of [...this.#pending]) this.#settle(lookup, because)
  }

  /** Credentials were refused, or it is closed: the next lookup is a new start. */
  idle(because?: () => Error): void {
    this.down(because)
    this.#failing = false
  }

  #write(lookup: Lookup, connection: Connection, store: OutcomeStore): void {
    lookup.writtenOn = connection
    lookup.heard = connection.life.count
    this.#arm(lookup)
    const { stream } = connection.client
    const several = lookup.keys.length > 1
    if (several) stream?.cork()
    lookup.keys.forEach((_, index) => void this.#read(lookup, index, connection, store))
    if (several) stream?.uncork()
  }

  /** Reads one key; again, if that is refused for now. Never rejects. */
  async #read(lookup: Lookup, index: number, connection: Connection, store: OutcomeStore): Promise<void> {
    const key = lookup.keys[index] as string
    // The answer of another server says nothing of this connection.
    const life = store.inOrder ? connection.life : undefined
    const wanted = (): boolean => this.#pending.has(lookup)
    for (let pause = FIRST_PAUSE; wanted(); pause = Math.min(2 * pause, LONGEST_PAUSE))
      try {
        this.#answer(lookup, index, life, await store.get(connection, key, wanted))
        return
      } catch (error) {
        const code = replyCode(error)
        if (code === undefined) {
          // If not an error of ours, it is no answer: the connection is ending, which gives up whatever is pending.
          if (error instanceof ServerEventsError) this.#answer(lookup, index, life, error)
          return
        }
        if (!isPassing(code)) {
          if (isElsewhere(code) && wanted()) this.#host.elsewhere(connection.place)
          this.#answer(lookup, index, life, refusal(code, 'GET', key, connection.place))
          return
        }
        lookup.refused = `redis at ${connection.place} refused GET for now (${code})`
        life?.heard()
        await new Promise((resolve) => setTimeout(resolve, pause).unref())
      }
  }

  #answer(lookup: Lookup, index: number, life: Life | undefined, found: Found): void {
    if (!this.#pending.has(lookup) || lookup.answers[index] !== undefined) return
    life?.heard()
    lookup.answers[index] = found
    if (--lookup.left === 0) this.#settle(lookup)
  }

  #arm(lookup: Lookup): void {
    lookup.timer.arm(Math.ceil(this.#timeout / 2), true)
  }

  /** Looks every half of the timeout. A long outcome takes its time to arrive. */
  #look(lookup: Lookup): void {
    const { writtenOn, due, heard, refused } = lookup
    // A timer may fire a fraction of a millisecond early by this clock.
    const over = performance.now() + 1 - due
    const store = writtenOn && writtenOn === this.#connection ? this.#store : undefined
    if (!store) {
      if (over >= 0) this.#settle(lookup)
      else lookup.timer.arm(Math.max(1, Math.ceil(-over)), true)
      return
    }
    const isTooLate = over >= (refused === undefined ? (PATIENCE - 1) * this.#timeout : 0)
    if (!store.inOrder) {
      this.#lookElsewhere(lookup, store, over, isTooLate)
      return
    }
    lookup.heard = writtenOn?.life.count ?? 0
    if (lookup.heard === heard) {
      this.#host.silent()
      if (this.#pending.has(lookup)) this.#settle(lookup)
    } else if (isTooLate) this.#settle(lookup)
    else this.#arm(lookup)
  }

  /** Of a key elsewhere this connection says nothing, but that of its server does. Others do not wait for it. */
  #lookElsewhere(lookup: Lookup, store: OutcomeStore, over: number, isTooLate: boolean): void {
    const { keys, answers, heardOf } = lookup
    for (const [index, key] of keys.entries()) {
      if (answers[index] !== undefined) continue
      const heard = store.heard?.(key)
      const isSilent = heard === heardOf[index]
      heardOf[index] = heard
      if (over < 0 || !(isSilent || isTooLate)) continue
      answers[index] = unreachable(lookup.refused)
      lookup.left--
    }
    if (lookup.left === 0) this.#settle(lookup)
    else this.#arm(lookup)
  }

  /** What was not answered is not known, `because` of this. */
  #settle(lookup: Lookup, because: () => Error = () => unreachable(lookup.refused)): void {
    this.#pending.delete(lookup)
    lookup.timer.clear()
    lookup.resolve(lookup.answers.map((found) => (found === undefined ? because() : found)))
  }
}

function unreachable(why = 'redis did not answer whether an outcome is kept'): ConnectionError {
  return new ConnectionError(why)
}
