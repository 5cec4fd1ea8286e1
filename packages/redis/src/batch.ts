import type { EventKey, Message } from 'server-events'
import type { Dialect } from './dialect'
import { Frame } from './frame'

const FEWEST_EVENTS = 64
const MAX_EVENTS = 512

/** What becomes of the frames. */
export interface Host {
  made(frame: Frame): void
  /** It takes no more events. */
  closed(frame: Frame): void
  /** One closed that can leave before the tick is over. */
  full(): void
}

/** Puts what is emitted in one tick into as few frames as their limits allow, keeping the order of each name. */
export class Batch {
  /** By name, the frame that still takes events. */
  private open = new Map<string, Frame>()
  private maxEvents = FEWEST_EVENTS

  /** With `shares` false every event has a frame of its own. */
  constructor(
    private readonly dialect: Pick<Dialect, 'isLone' | 'channelOf'>,
    private readonly shares: boolean,
    private readonly host: Host,
  ) {}

  /** The frame that an event goes into, and that its text has to be added to. */
  frameFor(key: EventKey, message: Message, text: string): Frame {
    const alone = this.dialect.isLone(message)
    const last = this.open.get(key.name)
    if (last && !alone && last.hasRoom(text)) return last
    // Also before a lone one: what comes after it must not overtake it in an earlier frame.
    this.close(key.name)
    if (last && !alone) {
      // The next ones are larger: few events are on their way soon, many in few frames.
      this.maxEvents = Math.min(2 * this.maxEvents, MAX_EVENTS)
      this.host.full()
    }
    const frame = new Frame('PUBLISH', this.dialect.channelOf(key, message), key, alone, this.maxEvents)
    if (!alone && this.shares) {
      frame.open = true
      this.open.set(key.name, frame)
    }
    this.host.made(frame)
    return frame
  }

  /** Nothing of the name passes it. */
  removal(key: EventKey, of: string): Frame {
    const frame = new Frame('DEL', of, key, true)
    this.close(key.name)
    this.host.made(frame)
    return frame
  }

  /** The tick is over: what comes now goes into new frames. */
  end(): void {
    // Not cleared: V8 chains the tables that `clear` leaves behind, and the first old one keeps all frames alive.
    const { open } = this
    this.open = new Map()
    for (const frame of open.values()) this.shut(frame)
    this.maxEvents = FEWEST_EVENTS
  }

  private close(name: string): void {
    const frame = this.open.get(name)
    if (!frame) return
    this.open.delete(name)
    this.shut(frame)
  }

  private shut(frame: Frame): void {
    frame.open = false
    this.host.closed(frame)
  }
}
