import { performance } from 'node:perf_hooks'
import { ConnectionError, ServerEventsError } from 'server-events'
import { refusal, replyCode } from './errors'
import type { Connection } from './link'
import type { Store } from './store'
import { Timer } from './timer'

/** The value of a key, `null` if there is none, or an Error if that is not known. */
export type Found = string | null | Error

interface Lookup {
  readonly keys: readonly string[]
  readonly answers: (Found | undefined)[]
  readonly resolve: (found: Found[]) => void
  readonly timer: Timer
  writtenOn: Connection | undefined
  writtenAt: number
  left: number
}

/**
 * Reads of keys. They are answered on the connection that they were written to or not at all: what
 * asks has a better notion than this class of whether it is worth asking again.
 */
export class Lookups {
  private connection: Connection | undefined
  /** Whether the last attempt to connect failed, so that to wait for it would be to wait in vain. */
  private failing = false
  private readonly pending = new Set<Lookup>()

  /** `heard` is told of every answer; `silence` of a connection that gave none within `timeout` ms. */
  constructor(
    private readonly timeout: number,
    private readonly storeOf: (connection: Connection) => Store,
    private readonly heard: () => void,
    private readonly silence: (writtenAt: number) => void,
  ) {}

  get size(): number {
    return this.pending.size
  }

  /** Never rejects. */
  get(keys: readonly string[]): Promise<Found[]> {
    if (keys.length === 0) return Promise.resolve([])
    if (this.failing) return Promise.resolve(keys.map(() => unreachable()))
    return new Promise((resolve) => {
      const lookup: Lookup = {
        keys,
        answers: keys.map(() => undefined),
        resolve,
        timer: new Timer(() => this.expired(lookup)),
        writtenOn: undefined,
        writtenAt: 0,
        left: keys.length,
      }
      this.pending.add(lookup)
      lookup.timer.arm(this.timeout, true)
      if (this.connection) this.write(lookup, this.connection)
    })
  }

  up(connection: Connection): void {
    this.connection = connection
    this.failing = false
    for (const lookup of this.pending) this.write(lookup, connection)
  }

  down(because: () => Error = unreachable): void {
    this.connection = undefined
    this.failing = true
    for (const lookup of [...this.pending]) this.settle(lookup, because)
  }

  /** Credentials were refused, or it is closed: the next lookup is a new start. */
  idle(because?: () => Error): void {
    this.down(because)
    this.failing = false
  }

  private write(lookup: Lookup, connection: Connection): void {
    lookup.writtenOn = connection
    lookup.writtenAt = performance.now()
    const { client, place } = connection
    const store = this.storeOf(connection)
    const wanted = (): boolean => this.pending.has(lookup)
    const stream = lookup.keys.length > 1 ? client.stream : undefined
    stream?.cork()
    lookup.keys.forEach((key, index) => {
      store.get(connection, key, wanted).then(
        (value) => this.answer(lookup, index, value),
        (error: unknown) => {
          const code = replyCode(error)
          if (code !== undefined) this.answer(lookup, index, refusal(code, 'GET', key, place))
          else if (error instanceof ServerEventsError) this.answer(lookup, index, error)
          // Not an answer: the connection is ending, which gives up whatever is pending.
        },
      )
    })
    stream?.uncork()
  }

  private answer(lookup: Lookup, index: number, found: Found): void {
    if (!this.pending.has(lookup)) return
    this.heard()
    lookup.answers[index] = found
    if (--lookup.left === 0) this.settle(lookup)
  }

  private expired(lookup: Lookup): void {
    const { writtenOn, writtenAt } = lookup
    this.settle(lookup)
    if (writtenOn && writtenOn === this.connection) this.silence(writtenAt)
  }

  /** What was not answered is not known, `because` of this. */
  private settle(lookup: Lookup, because: () => Error = unreachable): void {
    this.pending.delete(lookup)
    lookup.timer.clear()
    lookup.resolve(lookup.answers.map((found) => (found === undefined ? because() : found)))
  }
}

function unreachable(): ConnectionError {
  return new ConnectionError('redis did not answer whether an outcome is kept')
}
