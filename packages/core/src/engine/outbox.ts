import type { ServerEventsError } from '../errors'
import type { Transport } from '../transport'
import { emitted } from './diagnostics'
import { fromTransport } from './from-transport'
import type { Hold } from './hold'
import type { Name } from './names'
import { Shipment, type Outgoing } from './shipment'

/** An emit holds for a subscription in flight at most this long. */
const longestHold = 5000

/** An emit that waits until its name's subscription has settled. */
export interface Held {
  readonly outgoing: Outgoing
  readonly promise: Promise<void>
  /** Settles the promise as this one. */
  readonly follow: (published: Promise<void>) => void
  readonly timer: NodeJS.Timeout
}

/**
 * Emits and fails on their way out. Those of a name wait, in order, while a subscription they
 * may be meant for is in flight: an emit after an on in one process is never lost.
 */
export class Outbox {
  readonly #transport: Transport
  readonly #hold: Hold
  readonly #rejected: (error: ServerEventsError) => void
  /** Those that have not settled, in any order. No Map or Set: see docs/decisions/0009. */
  readonly #shipments: Shipment[] = []
  #latest: Shipment | undefined
  #held = 0
  #shipped = 0
  #whenIdle: (() => void) | undefined

  constructor(transport: Transport, hold: Hold, rejected: (error: ServerEventsError) => void) {
    this.#transport = transport
    this.#hold = hold
    this.#rejected = rejected
  }

  get size(): number {
    return this.#held + this.#shipped
  }

  /** `name` is what is known of the event's name, `mayHold` false while the subscribing side is away. */
  send(outgoing: Outgoing, name: Name | undefined, mayHold: boolean): Promise<void> {
    const holds = name !== undefined && (name.held.length > 0 || (mayHold && name.awaits(outgoing.key.id)))
    return holds ? this.#holdBack(outgoing, name) : this.#publish(outgoing)
  }

  /** A subscription of the name has settled or is wanted no more: lets go what waits for no other one. */
  settled(name: Name): void {
    let count = 0
    while (count < name.held.length && !name.awaits((name.held[count] as Held).outgoing.key.id)) count++
    this.#release(name, count)
  }

  /** Lets everything of the name go, whatever is in flight. */
  releaseAll(name: Name): void {
    this.#release(name, name.held.length)
  }

  /** Resolves when nothing is unsettled. */
  idle(): Promise<void> {
    if (this.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenIdle = resolve
    })
  }

  /** Rejects what the transport left unsettled. */
  close(makeError: () => ServerEventsError): void {
    for (const shipment of [...this.#shipments]) this.#settle(shipment, makeError)
  }

  #holdBack(outgoing: Outgoing, name: Name): Promise<void> {
    this.#held++
    this.#hold.add()
    let follow!: Held['follow']
    const promise = new Promise<void>((resolve) => {
      follow = resolve
    })
    const timer = setTimeout(() => {
      this.#release(name, name.held.indexOf(held) + 1)
      // Those behind it that waited for nothing but their turn.
      this.settled(name)
    }, longestHold)
    const held: Held = { outgoing, promise, follow, timer }
    name.held.push(held)
    return promise
  }

  #release(name: Name, count: number): void {
    for (const { outgoing, promise, follow, timer } of name.held.splice(0, count)) {
      clearTimeout(timer)
      this.#held--
      this.#hold.release()
      follow(this.#publish(outgoing, promise))
    }
  }

  #publish(outgoing: Outgoing, follower?: Promise<void>): Promise<void> {
    this.#shipped++
    return this.#shipmentOf(outgoing, this.#handOver(outgoing)).settlement(follower)
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

  /** A transport that shares promises does so among the emits of a tick and name: the latest is the one, if any. */
  #shipmentOf(outgoing: Outgoing, published: Promise<void>): Shipment {
    const latest = this.#latest
    if (latest?.published === published) {
      latest.emits.push(outgoing)
      return latest
    }
    const shipment = new Shipment(published, outgoing)
    this.#latest = shipment
    shipment.slot = this.#shipments.length
    this.#shipments.push(shipment)
    this.#hold.add()
    published.then(
      () => {
        this.#settle(shipment, undefined)
      },
      (error: unknown) => {
        this.#settle(shipment, () => fromTransport(error))
      },
    )
    return shipment
  }

  /** `makeError` if it failed. */
  #settle(shipment: Shipment, makeError: (() => ServerEventsError) | undefined): void {
    if (shipment.slot === -1) return
    this.#remove(shipment)
    this.#hold.release()
    this.#shipped -= shipment.emits.length
    if (this.size === 0) {
      this.#whenIdle?.()
      this.#whenIdle = undefined
    }
    for (const outgoing of shipment.emits) {
      const error = makeError?.()
      emitted(outgoing, error)
      if (error !== undefined) this.#rejected(error)
    }
    if (makeError === undefined) shipment.resolve()
    else shipment.reject(makeError)
  }

  #remove(shipment: Shipment): void {
    const last = this.#shipments.pop()
    if (last !== undefined && last !== shipment) {
      this.#shipments[shipment.slot] = last
      last.slot = shipment.slot
    }
    shipment.slot = -1
    if (this.#latest === shipment) this.#latest = undefined
  }
}
