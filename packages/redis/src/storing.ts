import { performance } from 'node:perf_hooks'
import type { Emit } from './outbox'
import { Timer } from './timer'

interface Place {
  readonly emit: Emit
  readonly due: number
  free: boolean
}

/**
 * Where a SET and its PUBLISH go to different servers: an event leaves when its SET is answered,
 * and behind all events of its name that were emitted before it. So that a master that is away
 * does not hold up the whole name, an event leaves after `patience` ms all the same, while its
 * emit goes on waiting for the SET.
 */
export class Storing {
  /** By name, in the order of emitting; in each, the first one is not free to go. */
  private readonly queues = new Map<string, Place[]>()
  /** All that are not free, in the order of their due times. */
  private readonly kept = new Set<Place>()
  private readonly timer = new Timer(() => this.expire())

  constructor(
    private readonly patience: number,
    private readonly leave: (emits: readonly Emit[]) => void,
  ) {}

  /** `stored` resolves when the SET is answered in whatever way; `undefined` for what is not kept. */
  add(emit: Emit, stored: Promise<void> | undefined): void {
    const { name } = emit.key
    const queue = this.queues.get(name) ?? []
    const place = { emit, due: performance.now() + this.patience, free: stored === undefined }
    queue.push(place)
    this.queues.set(name, queue)
    if (stored) {
      this.kept.add(place)
      if (!this.timer.armed) this.timer.arm(this.patience, false)
      void stored.then(() => {
        if (this.kept.delete(place)) this.free(place)
      })
    } else this.advance(name)
  }

  /** The connection is gone, and all will be emitted anew. */
  clear(): void {
    this.queues.clear()
    this.kept.clear()
    this.timer.clear()
  }

  private free(place: Place): void {
    place.free = true
    this.advance(place.emit.key.name)
  }

  private advance(name: string): void {
    const queue = this.queues.get(name)
    if (!queue?.[0]?.free) return
    const held = queue.findIndex(({ free }) => !free)
    const gone = queue.splice(0, held < 0 ? queue.length : held)
    if (queue.length === 0) this.queues.delete(name)
    this.leave(gone.map(({ emit }) => emit))
  }

  private expire(): void {
    const now = performance.now() + 1
    const names = new Set<string>()
    for (const place of this.kept) {
      if (place.due > now) break
      this.kept.delete(place)
      place.free = true
      names.add(place.emit.key.name)
    }
    for (const name of names) this.advance(name)
    const [next] = this.kept
    if (next) this.timer.arm(Math.max(1, next.due - performance.now()), false)
  }
}
