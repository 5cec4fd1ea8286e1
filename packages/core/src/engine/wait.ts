import type { Args } from '../contract'
import type { Name } from './names'

/** What a wait has been through, as bits of one small integer: a million waits may be pending. */
export const SUBSCRIBED = 1
export const RECALLS = 2
export const ASKED = 4
export const ANSWERED = 8
export const LOOKED_LAST = 16
export const ABORTABLE = 32
export const SETTLED = 64

/** One pending `on`. There is no `reject`: see rejection.ts. */
export class Wait {
  readonly promise: Promise<Args>
  resolve!: (args: Args) => void
  readonly name: Name
  readonly id: string
  /** Whole ms, as given. */
  readonly timeout: number
  /** When the wait wants attention next: the last look, then the deadline. Whole ms of the engine's clock. */
  due: number
  /** Index in the heap of deadlines; -1 when not in it. */
  slot = -1
  bits: number

  constructor(name: Name, id: string, timeout: number, now: number, recalls: boolean) {
    this.promise = new Promise((resolve) => {
      this.resolve = resolve
    })
    this.name = name
    this.id = id
    this.timeout = timeout
    this.bits = recalls ? RECALLS : 0
    const deadline = Math.ceil(now + timeout)
    const lead = recalls ? lastLookLead(timeout) : 0
    if (lead === 0) this.bits |= LOOKED_LAST
    this.due = deadline - lead
  }

  has(bits: number): boolean {
    return (this.bits & bits) !== 0
  }

  /** How long after its registration a new wait is due, in whole ms. */
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
