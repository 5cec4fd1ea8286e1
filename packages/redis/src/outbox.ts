import { performance } from 'node:perf_hooks'
import type { ServerEventsError } from 'server-events'
import type { Frame, KeptEmit } from './frame'
import { Timer } from './timer'

/** The table of frames that have not settled, with one timer for all. */
export class Outbox {
  /** In any order. No Set, whose tables would keep alive what was in them (docs/decisions/0009). */
  private readonly frames: Frame[] = []
  private unsettled = 0
  private turn = 0
  private readonly timer = new Timer(() => this.expire())

  constructor(
    private readonly timeout: number,
    private readonly expired: (frames: readonly Frame[]) => void,
  ) {}

  get isEmpty(): boolean {
    return this.frames.length === 0
  }

  /** How many emits have not settled. */
  get size(): number {
    return this.unsettled
  }

  /** An emit has joined one of the frames. */
  joined(): void {
    this.unsettled++
  }

  add(frame: Frame): void {
    this.renew(frame)
    frame.turn = this.turn++
    if (!this.timer.armed) this.timer.arm(this.timeout, true)
    else if (this.frames.length === 0) this.timer.hold(true)
    frame.slot = this.frames.length
    this.frames.push(frame)
  }

  /** Gives it its time from now on: what it took last must not pay for a long tick. */
  renew(frame: Frame): void {
    frame.due = performance.now() + this.timeout
  }

  has(frame: Frame): boolean {
    return frame.slot !== -1
  }

  /** In the order of arrival. */
  all(): Frame[] {
    return [...this.frames].sort(byArrival)
  }

  /** Its command is answered: all that was asked is done, but for what is still to be stored. */
  accept(frame: Frame, place: string): void {
    if (this.has(frame)) this.settle(frame, () => frame.accept(place))
  }

  /** The SET of an event is answered. */
  stored(frame: Frame, emit: KeptEmit, place: string): void {
    if (this.has(frame)) this.settle(frame, () => frame.settleKept(emit, place))
  }

  reject(frame: Frame, makeError: (events: string) => ServerEventsError): void {
    if (this.has(frame)) this.settle(frame, () => frame.reject(makeError))
  }

  takeAll(): Frame[] {
    const all = this.all()
    for (const frame of all) this.remove(frame)
    this.timer.clear()
    return all
  }

  private settle(frame: Frame, settle: () => void): void {
    const before = frame.size
    settle()
    const left = frame.size
    this.unsettled -= before - left
    if (left > 0) return
    this.remove(frame)
    if (this.frames.length === 0) this.timer.hold(false)
  }

  private remove(frame: Frame): void {
    this.unsettled -= frame.size
    const last = this.frames.pop()
    if (last && last !== frame) {
      this.frames[frame.slot] = last
      last.slot = frame.slot
    }
    frame.slot = -1
  }

  private expire(): void {
    // A timer may fire a fraction of a millisecond early by this clock.
    const now = performance.now() + 1
    const due = this.frames.filter((frame) => frame.due <= now && !frame.open).sort(byArrival)
    for (const frame of due) this.remove(frame)
    if (this.frames.length > 0) {
      const next = this.frames.reduce((earliest, frame) => Math.min(earliest, frame.due), Infinity)
      this.timer.arm(Math.max(1, next - performance.now()), true)
    }
    if (due.length > 0) this.expired(due)
  }
}

function byArrival(one: Frame, other: Frame): number {
  return one.turn - other.turn
}
