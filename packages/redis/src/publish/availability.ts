import { UnsupportedError } from 'server-events'
import type { Receiver, ServerEventsError } from 'server-events'
import { nodeOfCluster } from '../errors'

/**
 * Tells the receiver of the publishing side. Whoever closes idle connections does it again and
 * again, and nobody misses one that is not used: that is told once, and later only if there is no
 * next connection.
 */
export class Availability {
  readonly #receiver: Receiver
  #isUp = false
  /** Why a connection that nobody used was closed; not told. */
  #closedIdle: ServerEventsError | undefined
  #toldOfIdle = false
  #toldOfCluster = false

  constructor(receiver: Receiver) {
    this.#receiver = receiver
  }

  up(): void {
    this.#closedIdle = undefined
    if (this.#isUp) return
    this.#isUp = true
    this.#receiver.state('inputStore', true)
  }

  down(cause: ServerEventsError, wasIdle: boolean): void {
    if (wasIdle && this.#toldOfIdle) this.#closedIdle = cause
    else this.#tellDown(cause)
    this.#toldOfIdle ||= wasIdle
  }

  /** There is no next connection yet. */
  failed(error: ServerEventsError): void {
    if (this.#closedIdle) this.#tellDown(this.#closedIdle)
    this.#receiver.error('inputStore', error)
  }

  /** The server at `place` is a node of a Cluster that was given as a plain one; what is published goes through all the same. */
  isNode(place: string): void {
    if (this.#toldOfCluster) return
    this.#toldOfCluster = true
    this.#receiver.error('inputStore', new UnsupportedError(nodeOfCluster(place)))
  }

  #tellDown(cause: ServerEventsError): void {
    this.#closedIdle = undefined
    this.#isUp = false
    this.#receiver.state('inputStore', false, cause)
  }
}
