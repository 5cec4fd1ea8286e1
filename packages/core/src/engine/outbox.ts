import type { ServerEventsError } from '../errors'
import type { EventKey, Message, Transport } from '../transport'
import { channels, emitted } from './diagnostics'
import { fromTransport } from './from-transport'
import type { Hold } from './hold'
import type { Name } from './names'
import { rejectAtCaller } from './rejection'

/** An emit holds for a subscription in flight at most this long. */
const longestHold = 5000

/** One emit or fail until it settles. */
export class Outgoing {
  readonly key: EventKey
  readonly message: Message
  /** How long it is kept, in ms; 0 is not at all. */
  readonly keep: number
  readonly promise: Promise<void>
  resolve!: () => void
  /** When it was asked for, if somebody will hear how long it took. */
  readonly began = channels.emit.hasSubscribers ? performance.now() : undefined
  /** Ends its holding. */
  holdTimer: NodeJS.Timeout | undefined

  constructor(key: EventKey, message: Message, keep: number) {
    this.key = key
    this.message = message
    this.keep = keep
    this.promise = new Promise((resolve) => {
      this.resolve = resolve
    })
  }
}

/**
 * Emits and fails on their way out. Those of a name wait, in order, while a subscription they
 * may be meant for is in flight: an emit after an on in one process is never lost.
 */
export class Outbox {
  readonly #transport: Transport
  readonly #hold: Hold
  readonly #rejected: (error: ServerEventsError) => void
  readonly #unsettled = new Set<Outgoing>()
  #whenIdle: (() => void) | undefined

  constructor(transport: Transport, hold: Hold, rejected: (error: ServerEventsError) => void) {
    this.#transport = transport
    this.#hold = hold
    this.#rejected = rejected
  }

  get size(): number {
    return this.#unsettled.size
  }

  /** `name` is what is known of the event's name, `mayHold` false while the subscribing side is away. */
  send(outgoing: Outgoing, name: Name | undefined, mayHold: boolean): Promise<void> {
    this.#unsettled.add(outgoing)
    this.#hold.add()
    const holds = name !== undefined && (name.held.length > 0 || (mayHold && name.awaits(outgoing.key.id)))
    if (holds) this.#holdBack(outgoing, name)
    else this.#publish(outgoing)
    return outgoing.promise
  }

  /** A subscription of the name has settled or is wanted no more: lets go what waits for no other one. */
  settled(name: Name): void {
    let count = 0
    while (count < name.held.length && !name.awaits((name.held[count] as Outgoing).key.id)) count++
    this.#release(name, count)
  }

  /** Lets everything of the name go, whatever is in flight. */
  releaseAll(name: Name): void {
    this.#release(name, name.held.length)
  }

  /** Resolves when nothing is unsettled. */
  idle(): Promise<void> {
    if (this.#unsettled.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenIdle = resolve
    })
  }

  /** Rejects what the transport left unsettled. */
  close(makeError: () => ServerEventsError): void {
    for (const outgoing of [...this.#unsettled]) this.#reject(outgoing, makeError)
  }

  #holdBack(outgoing: Outgoing, name: Name): void {
    name.held.push(outgoing)
    outgoing.holdTimer = setTimeout(() => {
      this.#release(name, name.held.indexOf(outgoing) + 1)
      // Those behind it that waited for nothing but their turn.
      this.settled(name)
    }, longestHold)
  }

  #release(name: Name, count: number): void {
    for (const outgoing of name.held.splice(0, count)) {
      clearTimeout(outgoing.holdTimer)
      this.#publish(outgoing)
    }
  }

  #publish(outgoing: Outgoing): void {
    this.#handOver(outgoing).then(
      () => {
        if (!this.#settle(outgoing)) return
        emitted(outgoing, undefined)
        outgoing.resolve()
      },
      (error: unknown) => {
        this.#reject(outgoing, () => fromTransport(error))
      },
    )
  }

  #handOver({ key, message, keep }: Outgoing): Promise<void> {
    try {
      const { keeper } = this.#transport
      return keep > 0 && keeper !== undefined
        ? keeper.publish(key, message, keep)
        : this.#transport.publish(key, message)
    } catch (error) {
      return Promise.reject(fromTransport(error))
    }
  }

  #reject(outgoing: Outgoing, makeError: () => ServerEventsError): void {
    if (!this.#settle(outgoing)) return
    const error = makeError()
    emitted(outgoing, error)
    this.#rejected(error)
    rejectAtCaller(outgoing.promise, outgoing.resolve, makeError)
  }

  #settle(outgoing: Outgoing): boolean {
    if (!this.#unsettled.delete(outgoing)) return false
    this.#hold.release()
    if (this.#unsettled.size === 0 && this.#whenIdle !== undefined) {
      this.#whenIdle()
      this.#whenIdle = undefined
    }
    return true
  }
}
