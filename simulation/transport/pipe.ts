/** One direction of a connection: what is written later does not come earlier. */
export class Pipe {
  #last = 0

  /** When that arrives which is written at a time. */
  after(at: number, delay: number): number {
    this.#last = Math.max(this.#last, at + delay)
    return this.#last
  }
}
