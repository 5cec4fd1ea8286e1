import type { Delay, PublishFate, RecallFate } from '../scenario'

/** How the network and the server behave from now on. Fair, unless a step says otherwise. */
export class Weather {
  /** In ms, one way each. */
  readonly delays: Record<Delay, number>
  #recalls: RecallFate[] = []
  #publish: PublishFate | undefined
  #message: 'lost' | 'duplicated' | undefined

  constructor(ms: number) {
    this.delays = { subscribe: ms, unsubscribe: ms, deliver: ms, publish: ms, acknowledge: ms, read: ms, answer: ms }
  }

  nextRecalls(fate: RecallFate, count: number): void {
    this.#recalls = Array.from({ length: count }, () => fate)
  }

  nextPublish(fate: PublishFate): void {
    this.#publish = fate
  }

  nextMessage(fate: 'lost' | 'duplicated'): void {
    this.#message = fate
  }

  takeRecall(): RecallFate | 'fair' {
    return this.#recalls.shift() ?? 'fair'
  }

  takePublish(): PublishFate | 'fair' {
    const fate = this.#publish ?? 'fair'
    this.#publish = undefined
    return fate
  }

  /** How many copies of the next message reach a subscriber. */
  takeCopies(): number {
    const copies = this.#message === 'lost' ? 0 : this.#message === 'duplicated' ? 2 : 1
    this.#message = undefined
    return copies
  }
}
