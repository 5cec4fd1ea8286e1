/** What is registered under an id. A Set only from the second on: nearly always there is one. */
export class ById<P extends { readonly id: string }> {
  readonly #present = new Map<string, P | Set<P>>()

  get size(): number {
    return this.#present.size
  }

  has(id: string): boolean {
    return this.#present.has(id)
  }

  add(item: P): void {
    const present = this.#present.get(item.id)
    if (present === undefined) this.#present.set(item.id, item)
    else if (present instanceof Set) present.add(item)
    else this.#present.set(item.id, new Set([present, item]))
  }

  remove(item: P): void {
    const present = this.#present.get(item.id)
    if (present instanceof Set) {
      present.delete(item)
      if (present.size > 0) return
    }
    this.#present.delete(item.id)
  }

  /** A copy: settling changes the registry. */
  of(id: string): readonly P[] {
    const present = this.#present.get(id)
    if (present === undefined) return []
    return present instanceof Set ? [...present] : [present]
  }

  *all(): Generator<P> {
    for (const present of this.#present.values()) {
      if (present instanceof Set) yield* present
      else yield present
    }
  }
}
