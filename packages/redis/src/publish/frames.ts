import type { ServerEventsError } from 'server-events'
import { Unanswered } from 'server-events/transport-kit'
import type { Frame, KeptEmit } from './frame'

/** The table of frames that have not settled. A frame settles bit by bit: what shares an answer together, each kept event for itself. */
export class Frames extends Unanswered<Frame> {
  /** Its command is answered: all that was asked is done, but for what is still to be stored. */
  accept(frame: Frame, place: string): void {
    this.#settle(frame, () => frame.accept(place))
  }

  /** The SET of an event is answered. */
  stored(frame: Frame, emit: KeptEmit, place: string): void {
    this.#settle(frame, () => frame.settleKept(emit, place))
  }

  /** One that is kept once was refused. */
  refuse(frame: Frame, emit: KeptEmit, error: Error): void {
    this.#settle(frame, () => frame.refuse(emit, error))
  }

  reject(frame: Frame, makeError: (events: string) => ServerEventsError): void {
    this.#settle(frame, () => frame.reject(makeError))
  }

  #settle(frame: Frame, settle: () => void): void {
    if (frame.slot === -1) return
    settle()
    if (frame.size === 0) {
      this.settle(frame)
      return
    }
    this.grow(frame, frame.size - frame.emits, 0)
    const { passing } = frame
    if (passing !== undefined) this.postpone(frame, passing)
  }
}
