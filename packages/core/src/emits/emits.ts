import { ConnectionError, type ServerEventsError } from '../errors'
import type { Message, Once, Transport } from '../transport'
import type { Telling } from '../observe/diagnostics'
import { fromTransport } from '../transport-errors'
import { inRootContext } from '../base/context'
import type { KeepAlive } from '../base/keep-alive'
import type { NameEntry } from '../registry/name'
import { InFlight, type Emit } from './in-flight'

/** An emit holds for a subscription at most this long, in ms, and no longer than the transport's publish may take. */
const LONGEST_HOLD = 5000
/** During an interruption so many are held; what is more goes to the transport, which has a bound of its own. */
const MOST_HELD = 1000
/** A server that answers no subscription for so many ms is as good as away: until then it takes any burst, */
const STALL = 2000
/** of so many bytes. */
const MOST_HELD_BYTES = 64 * 1024 * 1024

/** What emits need to know of the connection. */
export interface EmitsHost {
  readonly telling: Telling
  /** The subscribing side was lost, or could not be reached at first: what is heard here is still to be restored. */
  isAway(): boolean
  /** The publishing side stands. */
  isReachable(): boolean
  /** In ms, by a clock that never goes back. */
  now(): number
  /** How what is kept of the name is compared, if it is kept once. */
  onceOf(name: string, message: Message): Once | undefined
  rejected(error: ServerEventsError, emit: Emit): void
}

/** An emit that waits until its name's subscription has settled. */
interface DeferredEmit {
  readonly emit: Emit
  readonly promise: Promise<void>
  /** Settles the promise as this one. */
  readonly follow: (published: Promise<void>) => void
  readonly timer: NodeJS.Timeout
}

/** Those of one name, in order. */
interface Deferred {
  readonly entry: NameEntry
  readonly emits: DeferredEmit[]
}

/**
 * Emits and fails on their way out. Those of a name wait, in order, while a subscription they
 * may be meant for is in flight, or is to be restored after an interruption: an emit after an on in
 * one process is never lost.
 */
export class Emits {
  readonly #transport: Transport
  readonly #keepAlive: KeepAlive
  readonly #host: EmitsHost
  /** Those that have not settled, in any order. No Map or Set: see docs/decisions/0009. */
  readonly #inFlight: InFlight[] = []
  #latest: InFlight | undefined
  readonly #deferred = new Map<string, Deferred>()
  #deferredCount = 0
  #deferredBytes = 0
  /** Since when something is deferred, and no subscription has settled. */
  #deferredSince: number | undefined
  #inFlightCount = 0
  #connecting = false
  /** Called when the last one has settled. */
  whenIdle: (() => void) | undefined

  constructor(transport: Transport, keepAlive: KeepAlive, host: EmitsHost) {
    this.#transport = transport
    this.#keepAlive = keepAlive
    this.#host = host
  }

  get size(): number {
    return this.#deferredCount + this.#inFlightCount
  }

  /** `entry` is what is known of the event's name. */
  send(emit: Emit, entry: NameEntry | undefined): Promise<void> {
    if (entry !== undefined && this.#isFull(emit)) {
      this.#release(entry, Infinity)
      return this.#publish(emit)
    }
    const waits = entry !== undefined && (this.#queues(entry) || this.#isAwaited(emit, entry))
    // What belongs to a transaction cannot wait: that may be over by then.
    const defers = waits && this.#transport.inTransaction?.() !== true
    return defers ? this.#defer(emit, entry) : this.#publish(emit)
  }

  /** A subscription of the name has settled or is wanted no more: lets go what waits for no other one. */
  settled(entry: NameEntry): void {
    this.#deferredSince = undefined
    this.#advance(entry)
    if (this.#deferredCount > 0) this.#deferredSince = this.#host.now()
  }

  #advance(entry: NameEntry): void {
    const emits = this.#deferred.get(entry.name)?.emits ?? []
    let count = 0
    while (count < emits.length && !this.#isAwaited((emits[count] as DeferredEmit).emit, entry)) count++
    this.#release(entry, count)
  }

  /** The subscriptions stand again, but for those in flight. */
  restored(): void {
    this.#connecting = false
    for (const { entry } of [...this.#deferred.values()]) this.settled(entry)
  }

  /** Lets everything go, whatever is in flight. */
  releaseAll(): void {
    for (const { entry, emits } of [...this.#deferred.values()]) this.#release(entry, emits.length)
  }

  /** Resolves when nothing is unsettled. */
  idle(): Promise<void> {
    if (this.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.whenIdle = resolve
    })
  }

  /** Rejects what the transport left unsettled. */
  close(makeError: () => ServerEventsError): void {
    for (const inFlight of [...this.#inFlight]) this.#settle(inFlight, makeError)
  }

  #isFull({ message }: Emit): boolean {
    if (this.#deferredCount === 0) return false
    if (this.#deferredBytes + message.body.length > MOST_HELD_BYTES) return true
    return this.#deferredCount >= MOST_HELD && (this.#host.isAway() || this.#isStalled())
  }

  #isStalled(): boolean {
    return this.#deferredSince !== undefined && this.#host.now() - this.#deferredSince >= STALL
  }

  /** Whether emits of the name are deferred: those behind them must not overtake. */
  #queues({ name }: NameEntry): boolean {
    return this.#deferredCount > 0 && this.#deferred.has(name)
  }

  /** Whether somebody here is meant who cannot hear it yet. */
  #isAwaited({ key }: Emit, entry: NameEntry): boolean {
    return entry.awaits(key.id) || (this.#host.isAway() && entry.wants(key.id))
  }

  /** Nobody publishes while emits are held: without this the publishing side might not come back. */
  #connect(): void {
    if (this.#connecting || this.#host.isReachable()) return
    this.#connecting = true
    this.#transport.connect().catch(() => {
      this.#connecting = false
      // What refuses the connection is for each emit to say.
      this.releaseAll()
    })
  }

  #defer(emit: Emit, entry: NameEntry): Promise<void> {
    if (this.#host.isAway()) this.#connect()
    this.#deferredCount++
    this.#deferredBytes += emit.message.body.length
    this.#deferredSince ??= this.#host.now()
    this.#keepAlive.add()
    let follow!: DeferredEmit['follow']
    const promise = new Promise<void>((resolve) => {
      follow = resolve
    })
    const deferred = this.#deferred.get(entry.name) ?? { entry, emits: [] }
    this.#deferred.set(entry.name, deferred)
    const hold = Math.min(LONGEST_HOLD, this.#transport.publishTimeout ?? LONGEST_HOLD)
    const timer = setTimeout(() => {
      // Away for so long, it has had its time: the transport would give it as much again.
      const late = this.#host.isAway() && !this.#host.isReachable()
      this.#release(entry, deferred.emits.indexOf(own) + 1, late ? notSent(hold) : undefined)
      // Those behind it that waited for nothing but their turn; while there is no connection, each has its own time.
      if (!late) this.#advance(entry)
    }, hold)
    const own: DeferredEmit = { emit, promise, follow, timer }
    deferred.emits.push(own)
    return promise
  }

  /** With an error they are rejected instead of published. */
  #release({ name }: NameEntry, count: number, error?: () => ServerEventsError): void {
    const deferred = this.#deferred.get(name)
    if (deferred === undefined) return
    const released = deferred.emits.splice(0, count)
    if (deferred.emits.length === 0) this.#deferred.delete(name)
    for (const { emit, promise, follow, timer } of released) {
      clearTimeout(timer)
      this.#deferredCount--
      this.#deferredBytes -= emit.message.body.length
      this.#keepAlive.release()
      // What was held is of no transaction, whoever lets it go: it may be called within one.
      follow(inRootContext(() => this.#publish(emit, promise, error)))
    }
  }

  #publish(emit: Emit, follower?: Promise<void>, error?: () => ServerEventsError): Promise<void> {
    this.#inFlightCount++
    const published = error === undefined ? this.#handOver(emit) : Promise.reject(error())
    return this.#inFlightOf(emit, published).settlement(follower)
  }

  #handOver({ key, message, keep }: Emit): Promise<void> {
    try {
      const { keeper } = this.#transport
      return keep > 0 && keeper !== undefined
        ? keeper.publish(key, message, keep, this.#host.onceOf(key.name, message))
        : this.#transport.publish(key, message)
    } catch (error) {
      return Promise.reject(fromTransport(error))
    }
  }

  /** A transport that shares promises does so among the emits of a tick and name: the latest is the one, if any. */
  #inFlightOf(emit: Emit, published: Promise<void>): InFlight {
    const latest = this.#latest
    if (latest?.published === published) {
      latest.emits.push(emit)
      return latest
    }
    const inFlight = new InFlight(published, emit)
    this.#latest = inFlight
    inFlight.slot = this.#inFlight.length
    this.#inFlight.push(inFlight)
    this.#keepAlive.add()
    // Those that follow may be of other requests.
    inRootContext(() => {
      published.then(
        () => {
          this.#settle(inFlight, undefined)
        },
        (error: unknown) => {
          this.#settle(inFlight, () => fromTransport(error))
        },
      )
    })
    return inFlight
  }

  /** `makeError` if it failed. */
  #settle(inFlight: InFlight, makeError: (() => ServerEventsError) | undefined): void {
    if (inFlight.slot === -1) return
    this.#remove(inFlight)
    this.#keepAlive.release()
    this.#inFlightCount -= inFlight.emits.length
    for (const emit of inFlight.emits) {
      const error = makeError?.()
      this.#host.telling.emitted(emit.key, emit.message, emit.began, error)
      if (error !== undefined) this.#host.rejected(error, emit)
    }
    if (makeError === undefined) inFlight.resolve()
    else inFlight.reject(makeError)
    if (this.size === 0) this.whenIdle?.()
  }

  #remove(inFlight: InFlight): void {
    const last = this.#inFlight.pop()
    if (last !== undefined && last !== inFlight) {
      this.#inFlight[inFlight.slot] = last
      last.slot = inFlight.slot
    }
    inFlight.slot = -1
    if (this.#latest === inFlight) this.#latest = undefined
  }
}

function notSent(ms: number): () => ServerEventsError {
  return () => new ConnectionError(`not sent within ${ms} ms: there was no connection`)
}
