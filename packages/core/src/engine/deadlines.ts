import { clearTimeoutAtLoad, immediateAtLoad, longestDelay, timeoutAtLoad, timersAreFake, type Clock } from './clock'
import type { Wait } from './wait'

/** A timer of Node may fire this much early by the monotonic clock. */
const earliness = 4
/** Later than this, the event loop was blocked: what has arrived is read before anything times out. */
const lateness = 20

/**
 * Calls `onDue(wait)` at `wait.due`, never early; the callee moves or removes the wait.
 *
 * One timer serves a binary heap of all waits and holds the process while there are any. While the
 * timers are somebody's fakes, each new wait has timers of its own instead, because the clock
 * cannot be trusted to tell one from the other. What is in the heap stays with the timers seen at
 * load: fakes that come and go would take its timer with them.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #onDue: (wait: Wait) => void
  readonly #heap: Wait[] = []
  readonly #faked = new Map<Wait, Set<NodeJS.Timeout>>()
  #timer: NodeJS.Timeout | undefined
  #target = 0
  #late: NodeJS.Immediate | undefined

  constructor(clock: Clock, onDue: (wait: Wait) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  add(wait: Wait): void {
    if (timersAreFake()) {
      // Not from the clock: its fraction of a ms would make the timer 1 ms longer than the timeout. All now, since
      // node:test's fakes are at the end of their tick when a callback runs: what it arms comes after that.
      const timers = new Set<NodeJS.Timeout>()
      this.#faked.set(wait, timers)
      this.#armFake(wait, timers, wait.firstDelay)
      if (wait.firstDelay < wait.timeout) this.#armFake(wait, timers, wait.timeout)
      return
    }
    const heap = this.#heap
    wait.slot = heap.length
    heap.push(wait)
    if (heap.length === 1) (this.#timer as Partial<NodeJS.Timeout> | undefined)?.ref?.()
    this.#up(wait)
    if (wait.slot === 0) this.#arm()
  }

  /** To a later time, from within `onDue`. */
  postpone(wait: Wait, due: number): void {
    wait.due = due
    if (wait.slot !== -1) this.#down(wait)
  }

  remove(wait: Wait): void {
    const { slot } = wait
    if (slot === -1) {
      for (const timer of this.#faked.get(wait) ?? []) clearTimeout(timer)
      this.#faked.delete(wait)
      return
    }
    wait.slot = -1
    const last = this.#heap.pop()
    if (last !== undefined && last !== wait) {
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

  #armFake(wait: Wait, timers: Set<NodeJS.Timeout>, delay: number): void {
    const step = Math.min(delay, longestDelay)
    const timer = setTimeout(() => {
      timers.delete(timer)
      if (delay > step) {
        this.#armFake(wait, timers, delay - step)
        return
      }
      this.#clock.advance(wait.due)
      this.#onDue(wait)
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

  #up(wait: Wait): void {
    const heap = this.#heap
    let { slot } = wait
    while (slot > 0) {
      const parentSlot = (slot - 1) >> 1
      const parent = heap[parentSlot] as Wait
      if (parent.due <= wait.due) break
      heap[slot] = parent
      parent.slot = slot
      slot = parentSlot
    }
    heap[slot] = wait
    wait.slot = slot
  }

  #down(wait: Wait): void {
    const heap = this.#heap
    const half = heap.length >> 1
    let { slot } = wait
    while (slot < half) {
      let childSlot = 2 * slot + 1
      let child = heap[childSlot] as Wait
      const right = heap[childSlot + 1]
      if (right !== undefined && right.due < child.due) {
        childSlot++
        child = right
      }
      if (child.due >= wait.due) break
      heap[slot] = child
      child.slot = slot
      slot = childSlot
    }
    heap[slot] = wait
    wait.slot = slot
  }
}
