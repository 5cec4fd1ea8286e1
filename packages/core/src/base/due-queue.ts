import { Heap, type HeapItem } from './heap'

/** Fewer places than this that nobody holds any more are not worth a new row. */
const FEW_EMPTY = 32

/**
 * Items by when they are due, each of which can leave without a search.
 *
 * Most come in the order in which they are due, since most waits last equally long. They stand in a
 * row, where to come and to leave costs the same however many there are; the others are in a heap.
 */
export class DueQueue<T extends HeapItem> {
  /** In the order of `due`. Who is at index i has the slot `-2 - i`; who leaves leaves a hole. */
  #row: (T | undefined)[] = []
  /** Of the first one in the row. */
  #head = 0
  #inRow = 0
  /** When the last one in the row is due. */
  #latest = -Infinity
  readonly #heap = new Heap<T>()

  get size(): number {
    return this.#inRow + this.#heap.size
  }

  get first(): T | undefined {
    const ofRow = this.#row[this.#head]
    const ofHeap = this.#heap.first
    if (ofRow === undefined) return ofHeap
    return ofHeap !== undefined && ofHeap.due < ofRow.due ? ofHeap : ofRow
  }

  add(item: T): void {
    const { due } = item
    if (due < this.#latest) {
      this.#heap.add(item)
      return
    }
    this.#latest = due
    item.slot = -2 - this.#row.length
    this.#row.push(item)
    this.#inRow++
  }

  remove(item: T): void {
    const { slot } = item
    if (slot >= 0) {
      this.#heap.remove(item)
      return
    }
    item.slot = -1
    this.#row[-2 - slot] = undefined
    this.#inRow--
    if (-2 - slot === this.#row.length - 1) this.#shorten()
    while (this.#head < this.#row.length && this.#row[this.#head] === undefined) this.#head++
    if (this.#row.length - this.#inRow > Math.max(FEW_EMPTY, this.#inRow)) this.#renew()
  }

  /** All alike: their order stays. */
  shift(by: number): void {
    for (const item of this.#row) if (item !== undefined) item.due += by
    this.#latest += by
    this.#heap.shift(by)
  }

  /** The last one has left: who comes next may be due before it. */
  #shorten(): void {
    const row = this.#row
    while (row.length > 0 && row.at(-1) === undefined) row.pop()
    this.#latest = row.at(-1)?.due ?? -Infinity
    if (this.#head > row.length) this.#head = row.length
  }

  #renew(): void {
    const row: T[] = []
    for (const item of this.#row) {
      if (item === undefined) continue
      item.slot = -2 - row.length
      row.push(item)
    }
    this.#row = row
    this.#head = 0
  }
}
