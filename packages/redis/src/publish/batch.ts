import type { EventKey } from 'server-events'
import type { Modes, Outgoing } from '../wire/modes'
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

/**
 * Puts what is emitted in one tick into as few frames as their limits allow, keeping the order of
 * each name and home, where ids without a home count as those of one.
 */
export class Batch {
  readonly #channelOf: Modes['channelOf']
  readonly #shares: boolean
  readonly #host: Host
  readonly #sharesOnce: boolean
  /** By name, the frame that still takes events of ids without a home. */
  #open = new Map<string, Frame>()
  /** Those of homes, by label, which all are of one length, and name. */
  #openOfHomes = new Map<string, Frame>()
  #maxEvents = FEWEST_EVENTS

  /** With `shares` false every event has a frame of its own; with `sharesOnce` false each that is kept once has. */
  constructor(channelOf: Modes['channelOf'], shares: boolean, host: Host, sharesOnce = shares) {
    this.#channelOf = channelOf
    this.#shares = shares
    this.#sharesOnce = sharesOnce
    this.#host = host
  }

  /** The frame that an event goes into, and that its text has to be added to. Those that are kept once have frames of their own. */
  frameFor(key: EventKey, outgoing: Outgoing, once = false): Frame {
    const { home, text, lone } = outgoing
    const alone = lone || (once && !this.#sharesOnce)
    const open = home === undefined ? this.#open : this.#openOfHomes
    const at = home === undefined ? key.name : home + key.name
    const last = open.get(at)
    const isAlike = last !== undefined && !alone && last.once === once
    if (isAlike && last.hasRoom(text)) return last
    // Also before a lone one: what comes after it must not overtake it in an earlier frame.
    this.#close(open, at)
    if (isAlike) {
      // The next ones are larger: few events are on their way soon, many in few frames.
      this.#maxEvents = Math.min(2 * this.#maxEvents, MAX_EVENTS)
      this.#host.full()
    }
    const frame = new Frame('PUBLISH', this.#channelOf(key, outgoing), key, alone, this.#maxEvents, once)
    if (!alone && this.#shares) {
      frame.open = true
      open.set(at, frame)
    }
    this.#host.made(frame)
    return frame
  }

  /** Nothing of the name and home passes it. */
  removal(key: EventKey, of: string, home?: string): Frame {
    const frame = new Frame('DEL', of, key, true)
    if (home === undefined) this.#close(this.#open, key.name)
    else this.#close(this.#openOfHomes, home + key.name)
    this.#host.made(frame)
    return frame
  }

  /** The tick is over: what comes now goes into new frames. */
  end(): void {
    // Not cleared: V8 chains the tables that `clear` leaves behind, and the first old one keeps all frames alive.
    const all = [this.#open, this.#openOfHomes]
    if (this.#open.size > 0) this.#open = new Map()
    if (this.#openOfHomes.size > 0) this.#openOfHomes = new Map()
    for (const open of all) for (const frame of open.values()) this.#shut(frame)
    this.#maxEvents = FEWEST_EVENTS
  }

  #close(open: Map<string, Frame>, at: string): void {
    const frame = open.get(at)
    if (!frame) return
    open.delete(at)
    this.#shut(frame)
  }

  #shut(frame: Frame): void {
    frame.open = false
    this.#host.closed(frame)
  }
}
