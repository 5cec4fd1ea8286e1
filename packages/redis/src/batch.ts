import type { EventKey, Message } from 'server-events'
import type { Dialect } from './dialect'
import { Frame } from './frame'

/** Puts what is emitted in one tick into as few frames as their limits allow, keeping the order of each name. */
export class Batch {
  /** By name, the frame that still takes events. */
  private open = new Map<string, Frame>()

  /** With `shares` false every event has a frame of its own; `made` is told of each frame. */
  constructor(
    private readonly dialect: Pick<Dialect, 'isLone' | 'channelOf'>,
    private readonly shares: boolean,
    private readonly made: (frame: Frame) => void,
  ) {}

  /** The frame that an event goes into, and that its text has to be added to. */
  frameFor(key: EventKey, message: Message, text: string): Frame {
    const alone = this.dialect.isLone(message)
    const open = this.open.get(key.name)
    if (open && !alone && open.hasRoom(text)) return open
    const frame = new Frame('PUBLISH', this.dialect.channelOf(key, message), key, alone)
    // What comes after a lone one must not overtake it in an earlier frame.
    if (alone || !this.shares) this.open.delete(key.name)
    else this.open.set(key.name, frame)
    this.made(frame)
    return frame
  }

  /** Nothing of the name passes it. */
  removal(key: EventKey, of: string): Frame {
    const frame = new Frame('DEL', of, key, true)
    this.open.delete(key.name)
    this.made(frame)
    return frame
  }

  /** The tick is over: what comes now goes into new frames. */
  end(): void {
    // Not cleared: V8 chains the tables that `clear` leaves behind, and the first old one keeps all frames alive.
    this.open = new Map()
  }
}
