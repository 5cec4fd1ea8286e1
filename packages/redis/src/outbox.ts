import { performance } from 'node:perf_hooks'
import type { ServerEventsError } from 'server-events'
import type { Frame, KeptEmit } from './frame'
import { Timer } from './timer'

/**
 * The table of frames that have not settled. All have the same time, so the order of arrival is the
 * order of deadlines, and one timer does for all.
 */
export class Outbox {
  private readonly frames = new Set<Frame>()
  private unsettled = 0
  private readonly timer = new Timer(() => this.expire())

  constructor(
    private readonly timeout: number,
    private readonly expired: (frames: readonly Frame[]) => void,
  ) {}

  get isEmpty(): boolean {
    return this.frames.size === 0
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
    frame.due = performance.now() + this.timeout
    if (!this.timer.armed) this.timer.arm(this.timeout, true)
    else if (this.frames.size === 0) this.timer.hold(true)
    this.frames.add(frame)
  }

  has(frame: Frame): boolean {
    return this.frames.has(frame)
  }

  /** In the order of arrival. */
  all(): Frame[] {
    return [...this.frames]
  }

  /** Its command is answered: all that was asked is done, but for what is still to be stored. */
  accept(frame: Frame, place: string): void {
    if (this.frames.has(frame)) this.settle(frame, () => frame.accept(place))
  }

  /** The SET of an event is answered. */
  stored(frame: Frame, emit: KeptEmit, place: string): void {
    if (this.frames.has(frame)) this.settle(frame, () => frame.settleKept(emit, place))
  }

  reject(frame: Frame, makeError: (events: string) => ServerEventsError): void {
    if (this.frames.has(frame)) this.settle(frame, () => frame.reject(makeError))
  }

  takeAll(): Frame[] {
    const all = this.all()
    this.frames.clear()
    this.unsettled = 0
    this.timer.clear()
    return all
  }

  private settle(frame: Frame, settle: () => void): void {
    const before = frame.size
    settle()
    const left = frame.size
    this.unsettled -= before - left
    if (left > 0) return
    this.frames.delete(frame)
    if (this.frames.size === 0) this.timer.hold(false)
  }

  private expire(): void {
    // A timer may fire a fraction of a millisecond early by this clock.
    const now = performance.now() + 1
    const due: Frame[] = []
    for (const frame of this.frames) {
      if (frame.due > now) break
      due.push(frame)
    }
    for (const frame of due) {
      this.frames.delete(frame)
      this.unsettled -= frame.size
    }
    const [next] = this.frames
    if (next) this.timer.arm(Math.max(1, next.due - performance.now()), true)
    if (due.length > 0) this.expired(due)
  }
}
