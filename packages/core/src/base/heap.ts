/** What a heap orders. */
export interface HeapItem {
  /** What comes first has the lowest. */
  due: number
  /** Index in the heap; -1 when in none. */
  slot: number
}

/** A binary heap whose items know where they are, so that any of them can leave without a search. */
export class Heap<T extends HeapItem> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  get first(): T | undefined {
    return this.#items[0]
  }

  add(item: T): void {
    item.slot = this.#items.length
    this.#items.push(item)
    this.#up(item)
  }

  remove(item: T): void {
    const { slot } = item
    item.slot = -1
    const last = this.#items.pop()
    if (last === undefined || last === item) return
    last.slot = slot
    this.#items[slot] = last
    this.#up(last)
    this.#down(last)
  }

  /** All alike: their order stays. */
  shift(by: number): void {
    for (const item of this.#items) item.due += by
  }

  #up(item: T): void {
    const items = this.#items
    let { slot } = item
    while (slot > 0) {
      const parentSlot = (slot - 1) >> 1
      const parent = items[parentSlot] as T
      if (parent.due <= item.due) break
      items[slot] = parent
      parent.slot = slot
      slot = parentSlot
    }
    items[slot] = item
    item.slot = slot
  }

  #down(item: T): void {
    const items = this.#items
    const half = items.length >> 1
    let { slot } = item
    while (slot < half) {
      let childSlot = 2 * slot + 1
      let child = items[childSlot] as T
      const right = items[childSlot + 1]
      if (right !== undefined && right.due < child.due) {
        childSlot++
        child = right
      }
      if (child.due >= item.due) break
      items[slot] = child
      child.slot = slot
      slot = childSlot
    }
    items[slot] = item
    item.slot = slot
  }
}
