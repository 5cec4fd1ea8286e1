import { UnsupportedError } from 'server-events'
import type { Receiver } from 'server-events'
import { Availability } from 'server-events/transport-kit'
import { nodeOfCluster } from '../errors'

/** Of the publishing side, which may turn out to be a node of a Cluster. */
export class ClusterAvailability extends Availability {
  readonly #receiver: Receiver
  #toldOfCluster = false

  constructor(receiver: Receiver) {
    super(receiver)
    this.#receiver = receiver
  }

  /** The server at `place` is a node of a Cluster that was given as a plain one; what is published goes through all the same. */
  isNode(place: string): void {
    if (this.#toldOfCluster) return
    this.#toldOfCluster = true
    this.#receiver.error('inputStore', new UnsupportedError(nodeOfCluster(place)))
  }
}
