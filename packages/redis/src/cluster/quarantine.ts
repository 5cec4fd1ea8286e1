/** What was lost with so many connections is suspected of being why. */
const SUSPECT = 2

/** Of so many connections that carried nothing else it is why they were lost. */
const POISON = 2

/** What may be why a connection was lost. */
export interface Suspectable {
  /** How many connections were lost while it was unanswered there; and of those that it was alone on. */
  losses: number
  lossesAlone: number
}

/**
 * What is to be written to a node. Suspects leave when nothing is unanswered: one, then two, then
 * four as long as nothing happens, in turns with what came meanwhile; those that were alone when a
 * connection was lost come last, and alone again.
 */
export class Quarantine<R extends Suspectable> {
  readonly #send: (request: R) => void
  #free: R[] = []
  #suspects: R[] = []
  #group = 1
  #isTurnOfFree = true

  /** `send` writes to the connection that stands. */
  constructor(send: (request: R) => void) {
    this.#send = send
  }

  get isEmpty(): boolean {
    return this.#free.length === 0 && this.#suspects.length === 0
  }

  add(request: R): void {
    if (request.losses >= SUSPECT) this.#suspects.push(request)
    else this.#free.push(request)
  }

  /** Lets go what may leave; `isIdle` says that nothing is unanswered. */
  advance(isIdle: boolean): void {
    if (this.#suspects.length > 0 && !isIdle) return
    const isTurn = this.#suspects.length === 0 || (this.#isTurnOfFree && this.#free.length > 0)
    this.#isTurnOfFree = !isTurn
    for (const request of isTurn ? this.#free.splice(0) : this.#nextGroup()) this.#send(request)
  }

  /** The connection is lost: gives back what was held, and those of the unanswered that are not to be written again. */
  lost(unanswered: readonly R[]): { readonly held: readonly R[]; readonly poisoned: readonly R[] } {
    const [only] = unanswered
    for (const request of unanswered) request.losses++
    if (only && unanswered.length === 1 && only.losses > SUSPECT) only.lossesAlone++
    const held = [...this.#free, ...this.#suspects]
    this.#free = []
    this.#suspects = []
    this.#group = 1
    this.#isTurnOfFree = true
    return { held, poisoned: unanswered.filter(({ lossesAlone }) => lossesAlone >= POISON) }
  }

  #nextGroup(): readonly R[] {
    const first = this.#suspects.filter(({ lossesAlone }) => lossesAlone === 0).slice(0, this.#group)
    const group = first.length > 0 ? first : this.#suspects.slice(0, 1)
    this.#group *= 2
    this.#suspects = this.#suspects.filter((request) => !group.includes(request))
    return group
  }
}
