import { performance } from 'node:perf_hooks'
import type { EventKey } from 'server-events'
import type { Encoded } from './dialect'
import type { Kept } from './kept'
import type { Connection } from './link'
import { Timer } from './timer'

/** What is to be done: an event is published, stored before if it is kept; or a kept one is removed. */
export interface Order {
  readonly event?: Encoded
  readonly kept?: Kept
  readonly removes?: string
}

/** An emit, or the removal of a kept outcome, that has not settled. */
export interface Emit {
  readonly key: EventKey
  /** What is published; `undefined` for a removal. */
  readonly event: Encoded | undefined
  /** What is stored before it is published. */
  readonly kept: Kept | undefined
  /** The key that is removed. */
  readonly removes: string | undefined
  readonly due: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  /** Where it was written last; `undefined` if nowhere yet. */
  writtenOn: Connection | undefined
  writtenAt: number
  /** Why the server did not store it, on this connection. */
  notStored: string | undefined
  /** Only if SET and PUBLISH go to different servers: which of the two are not answered, on this connection. */
  storing: boolean
  publishing: boolean
}

/**
 * The table of emits that have not settled. All have the same time, so the order of arrival is the
 * order of deadlines, and one timer does for all.
 */
export class Outbox {
  private readonly emits = new Set<Emit>()
  private readonly timer = new Timer(() => this.expire())

  constructor(
    private readonly timeout: number,
    private readonly expired: (emits: readonly Emit[]) => void,
  ) {}

  get size(): number {
    return this.emits.size
  }

  add(key: EventKey, order: Order, resolve: () => void, reject: (error: Error) => void): Emit {
    const { event, kept, removes } = order
    const emit: Emit = {
      key,
      event,
      kept,
      removes,
      due: performance.now() + this.timeout,
      resolve,
      reject,
      writtenOn: undefined,
      writtenAt: 0,
      notStored: undefined,
      storing: false,
      publishing: false,
    }
    if (!this.timer.armed) this.timer.arm(this.timeout, true)
    else if (this.emits.size === 0) this.timer.hold(true)
    this.emits.add(emit)
    return emit
  }

  has(emit: Emit): boolean {
    return this.emits.has(emit)
  }

  /** In the order of arrival. */
  all(): Emit[] {
    return [...this.emits]
  }

  /** Takes it out; false if it has settled before. */
  take(emit: Emit): boolean {
    if (!this.emits.delete(emit)) return false
    if (this.emits.size === 0) this.timer.hold(false)
    return true
  }

  takeAll(): Emit[] {
    const all = this.all()
    this.emits.clear()
    this.timer.clear()
    return all
  }

  private expire(): void {
    // A timer may fire a fraction of a millisecond early by this clock.
    const now = performance.now() + 1
    const due: Emit[] = []
    for (const emit of this.emits) {
      if (emit.due > now) break
      due.push(emit)
    }
    for (const emit of due) this.emits.delete(emit)
    const [next] = this.emits
    if (next) this.timer.arm(Math.max(1, next.due - performance.now()), true)
    if (due.length > 0) this.expired(due)
  }
}
