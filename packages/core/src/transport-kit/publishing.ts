import { performance } from 'node:perf_hooks'
import { atEndOfTick } from '../base/end-of-tick'
import { AuthError, ConnectionError, UnsupportedError } from '../errors'
import type { ServerEventsError } from '../errors'
import type { EventKey, Message, Once, Receiver } from '../transport'
import type { Connection } from './driver'
import { answerOf, eventOf, failedAt, overfullError, TransientRefusal, troubleOf, uncertain } from './errors'
import type { Reconnector, Side } from './reconnector'
import { Publish, StoreFirst } from './store-first'
import { call, withTimeout } from './timing'
import { Unanswered } from './unanswered'
import type { UnansweredLimits } from './unsettled'

interface Connecting {
  readonly resolve: (connection: Connection) => void
  readonly reject: (error: Error) => void
}

/** A connection that did nothing for so many ms is idle. */
const IDLE = 1_000

/**
 * Tells the receiver of the publishing side. Whoever closes idle connections does it again and
 * again, and nobody misses one that is not used: that is told once, and later only if there is no
 * next connection.
 */
export class Availability {
  readonly #receiver: Receiver
  #isUp = false
  #usedAt = 0
  /** Why a connection that nobody used was closed; not told. */
  #closedIdle: ServerEventsError | undefined
  #toldOfIdle = false

  constructor(receiver: Receiver) {
    this.#receiver = receiver
  }

  /** Something was asked of the connection. */
  used(): void {
    this.#usedAt = performance.now()
  }

  /** It stands. */
  up(): void {
    this.#closedIdle = undefined
    if (this.#isUp) return
    this.#isUp = true
    this.#receiver.state('inputStore', true)
  }

  /** `missed` if somebody waits for an answer of it, or we gave it up. */
  down(cause: ServerEventsError, missed: boolean): void {
    if (!this.#isUp) return
    const wasIdle = !missed && performance.now() - this.#usedAt >= IDLE
    if (wasIdle && this.#toldOfIdle) this.#closedIdle = cause
    else this.#tellDown(cause)
    this.#toldOfIdle ||= wasIdle
  }

  /** There is no next connection yet. */
  failed(error: ServerEventsError): void {
    if (this.#closedIdle) this.#tellDown(this.#closedIdle)
    this.#receiver.error('inputStore', error)
  }

  #tellDown(cause: ServerEventsError): void {
    this.#closedIdle = undefined
    this.#isUp = false
    this.#receiver.state('inputStore', false, cause)
  }
}

/** The publishing side: what is emitted stays here until the broker has answered, or its time is up. */
export class Publishing implements Side<Connection> {
  readonly #availability: Availability
  readonly #limits: UnansweredLimits
  readonly #closedError: () => Error
  readonly #table: Unanswered<Publish>
  readonly #storeFirst: StoreFirst
  #reconnector!: Reconnector<Connection>
  #connection: Connection | undefined
  /** Of this tick: they are written together, or not at all if it is closed in the same tick. */
  #fresh: Publish[] = []
  readonly #flush = (): void => {
    const fresh = this.#fresh
    this.#fresh = []
    this.#table.send(fresh)
  }
  readonly #connecting = new Set<Connecting>()
  /** Somebody has emitted or connected: the receiver is told from then on. */
  #used = false
  #closed = false

  constructor(receiver: Receiver, limits: UnansweredLimits, closed: () => Error) {
    this.#availability = new Availability(receiver)
    this.#limits = limits
    this.#closedError = closed
    this.#table = new Unanswered(limits, {
      write: (entries) => {
        for (const entry of entries) if (this.#connection) this.#storeFirst.write(entry, this.#connection)
      },
      expired: (entries) => {
        for (const entry of entries) entry.reject(this.#timeoutOf(entry))
      },
      poisoned: ({ key, reject }) =>
        reject(uncertain(eventOf(key), 'on any connection: each one was lost when it was sent')),
      doubt: () => {
        const { link, life } = this.#connection ?? {}
        // An answer to no PING is no sign of life.
        if (link?.ping) call(async () => link.ping?.()).then(() => life?.heard(), ignore)
      },
      silent: () => this.#silent(),
    })
    this.#storeFirst = new StoreFirst({
      publish: (entry, connection) => this.#publish(entry, connection),
      settle: (entry, error) => this.#settle(entry, error),
      postpone: (entry, reason) => this.#table.postpone(entry, reason),
      isWanted: (entry) => this.#table.has(entry),
      isCurrent: (connection) => this.#connection === connection,
      drop: (connection, cause) => this.#reconnector.drop(connection, cause),
      isDoubted: () => this.#table.quietFor() >= limits.publishTimeout / 4,
    })
  }

  /** Before anything else. */
  over(reconnector: Reconnector<Connection>): void {
    this.#reconnector = reconnector
  }

  /** Rejects also if the broker cannot keep anything although it is to. */
  async connect(): Promise<void> {
    const { link } = await this.standing()
    const { publishTimeout } = this.#limits
    const probed = call(async () => link.store?.probe?.())
    try {
      await withTimeout(publishTimeout, probed, () => new ConnectionError('no answer'))
    } catch (error) {
      const answer = answerOf(error)
      if (answer instanceof UnsupportedError) throw answer
    }
  }

  /** Resolves with the connection as soon as there is one; after so many ms it rejects. */
  standing(ms?: number): Promise<Connection> {
    if (this.#closed) return Promise.reject(this.#closedError())
    const standing = new Promise<Connection>((resolve, reject) => {
      if (this.#connection) resolve(this.#connection)
      else this.#connecting.add({ resolve, reject })
    })
    this.#use()
    if (ms === undefined) return standing
    return withTimeout(ms, standing, () => failedAt(this.#reconnector.at, `not ready within ${ms} ms`))
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.#add((...settle) => new Publish(key, { kind: 'publish', message }, ...settle))
  }

  keep(key: EventKey, message: Message, keepMs: number, once?: Once): Promise<void> {
    return this.#add((...settle) => new Publish(key, { kind: 'keep', message, keepMs, once }, ...settle))
  }

  forget(key: EventKey): Promise<void> {
    return this.#add((...settle) => new Publish(key, { kind: 'forget' }, ...settle))
  }

  close(): void {
    this.#closed = true
    this.#connection = undefined
    const when = 'before this transport was closed'
    this.#end((entry) => (entry?.written ? uncertain(eventOf(entry.key), when) : this.#closedError()))
  }

  needed(): boolean {
    return this.#connecting.size > 0 || !this.#table.isEmpty
  }

  up(connection: Connection): void {
    this.#connection = connection
    // Before anyone is told: what is emitted then comes after what is waiting.
    this.#table.up(connection.life)
    if (this.#connection !== connection) return
    this.#availability.used()
    if (this.#used) this.#availability.up()
    const connecting = [...this.#connecting]
    this.#connecting.clear()
    for (const { resolve } of connecting) resolve(connection)
  }

  down(cause: ServerEventsError, dropped: boolean): void {
    this.#connection = undefined
    this.#storeFirst.clear()
    this.#table.down()
    this.#availability.down(cause, dropped || this.needed())
  }

  failed(error: ServerEventsError): void {
    if (this.#used) this.#availability.failed(error)
  }

  refused({ message }: AuthError): void {
    this.#end(() => new AuthError(message))
  }

  #use(): void {
    this.#used = true
    this.#availability.used()
    if (this.#connection) this.#availability.up()
    else this.#reconnector.open()
  }

  #end(makeError: (entry?: Publish) => Error): void {
    const connecting = [...this.#connecting]
    this.#connecting.clear()
    for (const { reject } of connecting) reject(makeError())
    for (const entry of this.#table.takeAll()) entry.reject(makeError(entry))
  }

  #add(make: (resolve: () => void, reject: (error: Error) => void) => Publish): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closedError())
    return new Promise((resolve, reject) => {
      const entry = make(resolve, reject)
      const overfull = this.#table.overfull(entry.bytes)
      if (overfull) {
        reject(overfullError(overfull, this.#reconnector.at, this.#limits))
        return
      }
      this.#table.add(entry)
      this.#use()
      this.#fresh.push(entry)
      if (this.#fresh.length === 1) atEndOfTick(this.#flush)
    })
  }

  #publish(entry: Publish, connection: Connection): void {
    const { key, task } = entry
    if (task.kind === 'forget') return
    entry.written = true
    call(() => connection.link.publish(key, entry.held ?? task.message)).then(
      () => this.#answered(entry, connection, undefined),
      (error: unknown) => this.#answered(entry, connection, error),
    )
  }

  #answered(entry: Publish, connection: Connection, error: unknown): void {
    if (this.#connection !== connection) return
    const answer = answerOf(error)
    if (error !== undefined && !answer && !(error instanceof TransientRefusal)) {
      this.#reconnector.drop(connection, troubleOf(error, connection.at))
      return
    }
    connection.life.heard()
    if (error instanceof TransientRefusal) this.#table.postpone(entry, error.reason)
    else this.#settle(entry, answer ?? entry.outcome)
    if (answer instanceof AuthError) this.#reconnector.drop(connection, answer)
  }

  #settle(entry: Publish, error: ServerEventsError | undefined): void {
    if (!this.#table.settle(entry)) return
    if (error) entry.reject(error)
    else entry.resolve()
  }

  #silent(): void {
    const connection = this.#connection
    if (!connection) return
    const half = Math.round(this.#limits.publishTimeout / 2)
    const cause = `${connection.at} did not answer an emit within ${half} ms: the connection is replaced`
    this.#reconnector.drop(connection, new ConnectionError(cause))
  }

  #timeoutOf({ key, written, refusal }: Publish): ServerEventsError {
    const { publishTimeout } = this.#limits
    const when = `within ${publishTimeout} ms`
    if (written) return uncertain(eventOf(key), when)
    const { at } = this.#reconnector
    const why = refusal === undefined ? `no connection to ${at}` : `${at} refused it for now (${refusal})`
    return new ConnectionError(`${eventOf(key)} was not sent: ${why} ${when}`)
  }
}

function ignore(): void {
  // What is no answer says nothing.
}
