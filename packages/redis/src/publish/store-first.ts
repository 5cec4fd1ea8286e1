import { performance } from 'node:perf_hooks'
import { Timer } from 'server-events/transport-kit'
import type { Frame } from './frame'

interface Place {
  readonly frame: Frame
  readonly due: number
  free: boolean
}

/**
 * How long a frame waits for its SETs, in ms. Later than a silent master is asked again on a new
 * connection, and so early that the PUBLISH, too, can be sent again within its time, if the
 * connection that it leaves on turns out to be dead.
 */
export function patienceOf(publishTimeout: number): number {
  return Math.ceil((publishTimeout * 3) / 8)
}

/**
 * Where a SET and its PUBLISH go to different servers: a frame leaves when its SETs are answered,
 * and behind all frames of its name that were made before it. So that a master that is away does
 * not hold up the whole name, a frame leaves after `patience` ms all the same, while its emits go
 * on waiting for their SETs.
 */
export class StoreFirst {
  readonly #patience: number
  readonly #leave: (frames: readonly Frame[]) => void
  /** By name, in the order of emitting; in each, the first one is not free to go. */
  readonly #queues = new Map<string, Place[]>()
  /** All that are not free, in the order of their due times. */
  readonly #kept = new Set<Place>()
  readonly #timer = new Timer(() => this.#expire())

  constructor(patience: number, leave: (frames: readonly Frame[]) => void) {
    this.#patience = patience
    this.#leave = leave
  }

  /** Whether something of the name is waiting. */
  holds(name: string): boolean {
    return this.#queues.has(name)
  }

  /** `stored` resolves when its SETs are answered in whatever way; `undefined` where nothing is kept. */
  add(frame: Frame, stored: Promise<unknown> | undefined): void {
    const { lane: name } = frame
    const queue = this.#queues.get(name) ?? []
    const place = { frame, due: performance.now() + this.#patience, free: stored === undefined }
    queue.push(place)
    this.#queues.set(name, queue)
    if (stored) {
      this.#kept.add(place)
      if (!this.#timer.armed) this.#timer.arm(this.#patience, false)
      void stored.then(() => {
        if (this.#kept.delete(place)) this.#free(place)
      })
    } else this.#advance(name)
  }

  /** The connection is gone, and all will be emitted anew. */
  clear(): void {
    this.#queues.clear()
    this.#kept.clear()
    this.#timer.clear()
  }

  #free(place: Place): void {
    place.free = true
    this.#advance(place.frame.lane)
  }

  #advance(name: string): void {
    const queue = this.#queues.get(name)
    if (!queue?.[0]?.free) return
    const held = queue.findIndex(({ free }) => !free)
    const gone = queue.splice(0, held < 0 ? queue.length : held)
    if (queue.length === 0) this.#queues.delete(name)
    this.#leave(gone.map(({ frame }) => frame))
  }

  #expire(): void {
    const now = performance.now() + 1
    const names = new Set<string>()
    for (const place of this.#kept) {
      if (place.due > now) break
      this.#kept.delete(place)
      place.free = true
      names.add(place.frame.lane)
    }
    for (const name of names) this.#advance(name)
    const [next] = this.#kept
    if (next) this.#timer.arm(Math.max(1, next.due - performance.now()), false)
  }
}
