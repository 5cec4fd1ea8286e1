import type { Name } from './names'
import type { Outcome, StreamOutcome } from './stats'

/** What a wait or stream has been through, as bits of one small integer: a million waits may be pending. */
export const SUBSCRIBED = 1
export const RECALLS = 2
export const ASKED = 4
export const ANSWERED = 8
export const LOOKED_LAST = 16
export const ABORTABLE = 32
export const SETTLED = 64

/** What is registered for the events of one (name, id) until a deadline: a wait or a stream. */
export abstract class Pending {
  readonly name: Name
  readonly id: string
  /** Whole ms, as given. */
  readonly timeout: number
  /** When it wants attention next: the last look, then the deadline. Whole ms of the engine's clock. */
  due = 0
  /** Index in the heap of deadlines; -1 when not in it. */
  slot = -1
  bits: number

  constructor(name: Name, id: string, timeout: number, now: number, recalls: boolean) {
    this.name = name
    this.id = id
    this.timeout = timeout
    this.bits = recalls ? RECALLS : 0
    this.start(now)
  }

  /** Adds itself to its name. */
  abstract register(): void
  /** Removes itself from its name. */
  abstract unregister(): void
  /** Brings an error to whoever reads it. The engine has cleared everything else. */
  abstract reject(makeError: () => unknown, outcome: Outcome | StreamOutcome): void

  has(bits: number): boolean {
    return (this.bits & bits) !== 0
  }

  /** Its subscription stands on this connection. */
  subscribed(): void {
    this.bits |= SUBSCRIBED
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
