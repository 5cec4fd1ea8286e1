import { performance } from 'node:perf_hooks'
import type { EventKey } from 'server-events'
import type { Connection } from './link'
import { Timer } from './timer'
import type { Wire } from './wire'

/** An emit that has not settled. */
export interface Emit {
  readonly key: EventKey
  readonly subject: string
  readonly wire: Wire
  /** How long to keep it, in ms; 0 for not at all. */
  readonly keepMs: number
  readonly due: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  /** Storing comes before publishing. `failed` is published all the same. */
  store: 'none' | 'wanted' | 'asked' | 'done' | 'failed'
  storeError: Error | undefined
  /** Where it was published last; `undefined` if nowhere yet. */
  writtenOn: Connection | undefined
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

  add(emit: Omit<Emit, 'due' | 'store' | 'storeError' | 'writtenOn'>): Emit {
    const store = emit.keepMs > 0 ? 'wanted' : 'none'
    const due = performance.now() + this.timeout
    const added: Emit = { ...emit, due, store, storeError: undefined, writtenOn: undefined }
    if (!this.timer.armed) this.timer.arm(this.timeout, true)
    else if (this.emits.size === 0) this.timer.hold(true)
    this.emits.add(added)
    return added
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
