const none: readonly never[] = []

/** Fewer ids than this that nobody waits for any more are not worth a new table. */
const FEW_DEAD = 32

/**
 * What is registered under an id. A Set only from the second on: nearly always there is one.
 *
 * What is removed leaves its id behind, and now and then a new Map takes over the rest. A Map that
 * is deleted from grows and shrinks with every burst, and V8 chains the tables it leaves behind:
 * once one of them is old, they keep alive all that was in them until the next major collection
 * (docs/decisions/0009).
 */
export class ById<P extends { readonly id: string }> {
  #present = new Map<string, P | Set<P> | undefined>()
  #live = 0

  /** How many ids there is something for. */
  get size(): number {
    return this.#live
  }

  has(id: string): boolean {
    return this.#live > 0 && this.#present.get(id) !== undefined
  }

  add(item: P): void {
    const present = this.#present.get(item.id)
    if (present === undefined) {
      this.#live++
      this.#present.set(item.id, item)
    } else if (present instanceof Set) present.add(item)
    else this.#present.set(item.id, new Set([present, item]))
  }

  remove(item: P): void {
    const present = this.#present.get(item.id)
    if (present instanceof Set) {
      if (!present.delete(item) || present.size > 0) return
    } else if (present !== item) return
    this.#live--
    this.#present.set(item.id, undefined)
    if (this.#present.size - this.#live > Math.max(FEW_DEAD, this.#live)) this.#renew()
  }

  /** A copy: settling changes the registry. */
  of(id: string): readonly P[] {
    const present = this.#live > 0 ? this.#present.get(id) : undefined
    if (present === undefined) return none
    return present instanceof Set ? [...present] : [present]
  }

  /** Take a copy first, if anything may be removed meanwhile. */
  *all(): Generator<P> {
    for (const present of this.#present.values()) {
      if (present instanceof Set) yield* present
      else if (present !== undefined) yield present
    }
  }

  #renew(): void {
    const present = new Map<string, P | Set<P> | undefined>()
    for (const [id, item] of this.#present) if (item !== undefined) present.set(id, item)
    this.#present = present
  }
}
