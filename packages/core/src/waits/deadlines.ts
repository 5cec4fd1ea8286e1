import { clearTimeoutAtLoad, LONGEST_DELAY, timeoutAtLoad, timersAreFake, type Clock } from '../base/clock'
import { afterIncoming, LATENESS } from '../base/incoming'
import type { Pending } from '../pending/pending'
import { inRootContext } from '../base/context'
import { DueQueue } from '../base/due-queue'

/** A timer of Node may fire this much early by the monotonic clock. */
const EARLINESS = 4

/**
 * Calls `onDue(item)` at `item.due`, never early; the callee moves or removes the item.
 *
 * One timer serves a queue of all waits and holds the process while there are any. While the
 * timers are somebody's fakes, each new wait has timers of its own instead, because the clock
 * cannot be trusted to tell one from the other. What is in the queue stays with the timers seen at
 * load: fakes that come and go would take its timer with them.
 */
export class Deadlines<P extends Pending> {
  readonly #clock: Clock
  readonly #onDue: (item: P) => void
  readonly #queue = new DueQueue<P>()
  readonly #faked = new Map<P, Set<NodeJS.Timeout>>()
  #timer: NodeJS.Timeout | undefined
  #target = 0
  /** The `ahead` of the clock that is in what is due. */
  #ahead = 0
  /** Calls off what reads before anything times out. */
  #late: (() => void) | undefined

  constructor(clock: Clock, onDue: (item: P) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  add(item: P): void {
    if (timersAreFake()) {
      // Not from the clock: its fraction of a ms would make the timer 1 ms longer than the timeout. All now, since
      // node:test's fakes are at the end of their tick when a callback runs: what it arms comes after that.
      const timers = new Set<NodeJS.Timeout>()
      this.#faked.set(item, timers)
      this.#armFake(item, timers, item.firstDelay)
      if (item.firstDelay < item.timeout) this.#armFake(item, timers, item.timeout)
      return
    }
    this.#catchUp()
    this.#queue.add(item)
    if (this.#queue.first !== item) return
    // It may be the only one, and the timer let the process go when there was none.
    ;(this.#timer as Partial<NodeJS.Timeout> | undefined)?.ref?.()
    this.#arm(item)
  }

  /** To a later time, from within `onDue`. */
  postpone(item: P, due: number): void {
    const isQueued = item.slot !== -1
    if (isQueued) this.#queue.remove(item)
    item.due = due
    if (isQueued) this.#queue.add(item)
  }

  remove(item: P): void {
    if (item.slot === -1) {
      for (const timer of this.#faked.get(item) ?? []) clearTimeout(timer)
      this.#faked.delete(item)
      return
    }
    this.#queue.remove(item)
    // The timer stays armed, since the next wait will want one; it just lets the process go.
    if (this.#queue.size === 0) (this.#timer as Partial<NodeJS.Timeout> | undefined)?.unref?.()
  }

  /** Forgets all timers. The waits must have been removed. */
  close(): void {
    clearTimeoutAtLoad(this.#timer)
    this.#late?.()
    this.#timer = undefined
    this.#late = undefined
  }

  #armFake(item: P, timers: Set<NodeJS.Timeout>, delay: number): void {
    const step = Math.min(delay, LONGEST_DELAY)
    const timer = setTimeout(() => {
      timers.delete(timer)
      if (delay > step) {
        this.#armFake(item, timers, delay - step)
        return
      }
      this.#clock.advance(item.due)
      this.#onDue(item)
    }, step)
    timers.add(timer)
  }

  /** `next` is the first in the queue. */
  #arm(next: P | undefined): void {
    if (next === undefined || this.#late !== undefined) return
    if (this.#timer !== undefined) {
      if (this.#target <= next.due) return
      clearTimeoutAtLoad(this.#timer)
    }
    const now = this.#now()
    const delay = Math.min(Math.max(1, Math.ceil(next.due - now)), LONGEST_DELAY)
    this.#target = Math.min(next.due, now + delay)
    this.#timer = inRootContext(() => timeoutAtLoad(this.#fire, delay))
  }

  /** What is in the queue is due by the real time, however far fakes moved the clock meanwhile. */
  #catchUp(): void {
    const moved = this.#clock.ahead - this.#ahead
    if (moved === 0) return
    this.#ahead += moved
    this.#target += moved
    this.#queue.shift(moved)
  }

  readonly #fire = (): void => {
    this.#timer = undefined
    const early = this.#target - this.#now()
    const next = this.#queue.first
    if (early > 0) {
      if (early <= EARLINESS) {
        this.#arm(next)
        return
      }
      this.#clock.advance(this.#target)
    }
    if (next === undefined) return
    const now = this.#now()
    if (now - next.due > LATENESS) {
      this.#late = afterIncoming(() => {
        this.#late = undefined
        // What fell due meanwhile may have been blocked meanwhile, and is looked at anew.
        this.#expire(now)
      })
      return
    }
    this.#expire(now)
  }

  #now(): number {
    const now = this.#clock.unfaked()
    this.#catchUp()
    return now
  }

  #expire(now: number): void {
    let next = this.#queue.first
    for (; next !== undefined && next.due <= now; next = this.#queue.first) this.#onDue(next)
    this.#arm(next)
  }
}
