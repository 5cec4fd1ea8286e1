import type { Outcome, StreamOutcome } from '../observe/stats'

/** What a wait or stream has been through, as bits of one small integer: a million waits may be pending. */
export const SUBSCRIBED = 1
export const RECALLS = 2
export const ASKED = 4
export const ANSWERED = 8
export const LOOKED_LAST = 16
export const ABORTABLE = 32
export const SETTLED = 64
/** A question of it has not been sent yet. */
export const QUEUED = 128

const FLAGS = 255

/** Begins anew after 16 million calls, none of which is on its way for so long. */
function callBits(call: number): number {
  return call << 8
}

/** What is known of an event name, as far as a wait needs it. */
export interface Named {
  readonly name: string
}

/** What is registered for the events of one (name, id) until a deadline: a wait or a stream. */
export abstract class Pending<E extends Named = Named> {
  /** The entry of its name in the registry. */
  readonly entry: E
  readonly id: string
  /** Whole ms, as given. */
  readonly timeout: number
  /** When it wants attention next: the last look, then the deadline. Whole ms of the engine's clock. */
  due = 0
  /** Where it is in the queue of deadlines; -1 when not in it. */
  slot = -1
  /** Above the flags the number of the last call to the store that asked for it; 0 while there is none, or one is still to be sent. */
  bits: number

  constructor(entry: E, id: string, timeout: number, now: number, recalls: boolean) {
    this.entry = entry
    this.id = id
    this.timeout = timeout
    this.bits = recalls ? RECALLS : 0
    this.start(now)
  }

  /** Brings an error to whoever reads it. The engine has cleared everything else. */
  abstract reject(makeError: () => unknown, outcome: Outcome | StreamOutcome): void

  has(bits: number): boolean {
    return (this.bits & bits) !== 0
  }

  /** Its subscription stands on this connection. */
  subscribed(): void {
    this.bits |= SUBSCRIBED
  }

  /** It is to ask the store anew: what was answered before says no more. */
  asked(): void {
    this.bits &= FLAGS & ~ANSWERED
  }

  /** It is among what this call to the store asks for. */
  sent(call: number): void {
    this.bits = (this.bits & FLAGS) | ASKED | callBits(call)
  }

  /** What counts is the last question. */
  answered(call: number): void {
    if ((this.bits & ~FLAGS) === callBits(call)) this.bits |= ANSWERED
  }

  /** Gives it its timeout from now on. */
  protected start(now: number): void {
    const deadline = Math.ceil(now + this.timeout)
    const lead = this.has(RECALLS) ? lastLookLead(this.timeout) : 0
    if (lead === 0) this.bits |= LOOKED_LAST
    else this.bits &= ~LOOKED_LAST
    this.due = deadline - lead
  }

  /** How long after its start it is due, in whole ms. */
  get firstDelay(): number {
    return this.has(LOOKED_LAST) ? this.timeout : this.timeout - lastLookLead(this.timeout)
  }

  get deadline(): number {
    return this.has(LOOKED_LAST) ? this.due : this.due + lastLookLead(this.timeout)
  }
}

/** How long before the deadline the store is asked once more: a tenth, at least 50 ms; short waits have none. */
function lastLookLead(timeout: number): number {
  return timeout > 50 ? Math.max(50, Math.ceil(timeout / 10)) : 0
}
