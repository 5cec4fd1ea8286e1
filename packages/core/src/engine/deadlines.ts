import { clearTimeoutAtLoad, immediateAtLoad, longestDelay, timeoutAtLoad, timersAreFake, type Clock } from './clock'
import type { Pending } from './pending'

/** A timer of Node may fire this much early by the monotonic clock. */
const earliness = 4
/** Later than this, the event loop was blocked: what has arrived is read before anything times out. */
const lateness = 20

/**
 * Calls `onDue(item)` at `item.due`, never early; the callee moves or removes the item.
 *
 * One timer serves a binary heap of all waits and holds the process while there are any. While the
 * timers are somebody's fakes, each new wait has timers of its own instead, because the clock
 * cannot be trusted to tell one from the other. What is in the heap stays with the timers seen at
 * load: fakes that come and go would take its timer with them.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #onDue: (item: Pending) => void
  readonly #heap: Pending[] = []
  readonly #faked = new Map<Pending, Set<NodeJS.Timeout>>()
  #timer: NodeJS.Timeout | undefined
  #target = 0
  #late: NodeJS.Immediate | undefined

  constructor(clock: Clock, onDue: (item: Pending) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  add(item: Pending): void {
    if (timersAreFake()) {
      // Not from the clock: its fraction of a ms would make the timer 1 ms longer than the timeout. All now, since
      // node:test's fakes are at the end of their tick when a callback runs: what it arms comes after that.
      const timers = new Set<NodeJS.Timeout>()
      this.#faked.set(item, timers)
      this.#armFake(item, timers, item.firstDelay)
      if (item.firstDelay < item.timeout) this.#armFake(item, timers, item.timeout)
      return
    }
    const heap = this.#heap
    item.slot = heap.length
    heap.push(item)
    if (heap.length === 1) (this.#timer as Partial<NodeJS.Timeout> | undefined)?.ref?.()
    this.#up(item)
    if (item.slot === 0) this.#arm()
  }

  /** To a later time, from within `onDue`. */
  postpone(item: Pending, due: number): void {
    item.due = due
    if (item.slot !== -1) this.#down(item)
  }

  remove(item: Pending): void {
    const { slot } = item
    if (slot === -1) {
      for (const timer of this.#faked.get(item) ?? []) clearTimeout(timer)
      this.#faked.delete(item)
      return
    }
    item.slot = -1
    const last = this.#heap.pop()
    if (last !== undefined && last !== item) {
      last.slot = slot
      this.#heap[slot] = last
      this.#up(last)
      this.#down(last)
    }
    // The timer stays armed, since the next wait will want one; it just lets the process go.
    if (this.#heap.length === 0) (this.#timer as Partial<NodeJS.Timeout> | undefined)?.unref?.()
  }

  /** Forgets all timers. The waits must have been removed. */
  close(): void {
    clearTimeoutAtLoad(this.#timer)
    clearImmediate(this.#late)
    this.#timer = undefined
    this.#late = undefined
  }

  #armFake(item: Pending, timers: Set<NodeJS.Timeout>, delay: number): void {
    const step = Math.min(delay, longestDelay)
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

  #arm(): void {
    const next = this.#heap[0]
    if (next === undefined || this.#late !== undefined) return
    if (this.#timer !== undefined) {
      if (this.#target <= next.due) return
      clearTimeoutAtLoad(this.#timer)
    }
    const now = this.#clock.now()
    const delay = Math.min(Math.max(1, Math.ceil(next.due - now)), longestDelay)
    this.#target = Math.min(next.due, now + delay)
    this.#timer = timeoutAtLoad(this.#fire, delay)
  }

  readonly #fire = (): void => {
    this.#timer = undefined
    const early = this.#target - this.#clock.now()
    if (early > 0) {
      if (early <= earliness && !timersAreFake()) {
        this.#arm()
        return
      }
      this.#clock.advance(this.#target)
    }
    const next = this.#heap[0]
    if (next === undefined) return
    if (this.#clock.now() - next.due > lateness) {
      this.#late = immediateAtLoad(() => {
        this.#late = undefined
        this.#expire()
      })
      return
    }
    this.#expire()
  }

  #expire(): void {
    const now = this.#clock.now()
    for (let next = this.#heap[0]; next !== undefined && next.due <= now; next = this.#heap[0]) this.#onDue(next)
    this.#arm()
  }

  #up(item: Pending): void {
    const heap = this.#heap
    let { slot } = item
    while (slot > 0) {
      const parentSlot = (slot - 1) >> 1
      const parent = heap[parentSlot] as Pending
      if (parent.due <= item.due) break
      heap[slot] = parent
      parent.slot = slot
      slot = parentSlot
    }
    heap[slot] = item
    item.slot = slot
  }

  #down(item: Pending): void {
    const heap = this.#heap
    const half = heap.length >> 1
    let { slot } = item
    while (slot < half) {
      let childSlot = 2 * slot + 1
      let child = heap[childSlot] as Pending
      const right = heap[childSlot + 1]
      if (right !== undefined && right.due < child.due) {
        childSlot++
        child = right
      }
      if (child.due >= item.due) break
      heap[slot] = child
      child.slot = slot
      slot = childSlot
    }
    heap[slot] = item
    item.slot = slot
  }
}
