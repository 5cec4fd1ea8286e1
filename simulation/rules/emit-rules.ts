import type { Key } from '../scenario'
import { keyText, topicText } from '../texts'
import type { Call } from '../transport/subscribing-side'
import { rounding, type Facts } from './facts'

/** One `emit` or `fail`. */
interface EmitRecord {
  readonly text: string
  readonly key: Key
  readonly called: number
  /** Subscriptions that were under way at the call: it may be meant for them. */
  readonly awaited: readonly Call[]
  handedOver: boolean
  /** What the transport said of it. */
  result: string | undefined
}

const longestHold = 5000

/** Rule 6: an emit after an on in one process is never lost, and none is held for longer than it must be. */
export class EmitRules {
  readonly #facts: Facts
  /** Those that have not settled, in the order of the calls. */
  readonly #open: EmitRecord[] = []
  /** Errors that onerror told, by code, less those that emits rejected with. */
  readonly #told = new Map<string, number>()

  constructor(facts: Facts) {
    this.#facts = facts
  }

  get open(): number {
    return this.#open.length
  }

  /** Those of which the transport has not said anything. */
  get unanswered(): number {
    return this.#open.filter(({ result }) => result === undefined).length
  }

  called(text: string, key: Key, pendingWaits: number): void {
    const mayHold = !this.#facts.outputAway && !this.#facts.mayHaveDrained(pendingWaits)
    const awaited = mayHold ? this.#facts.awaited(key) : []
    this.#open.push({ text, key, called: this.#facts.now, awaited, handedOver: false, result: undefined })
  }

  handedOver(text: string, pendingWaits: number): void {
    const index = this.#open.findIndex((emit) => emit.text === text)
    const emit = this.#open[index]
    if (emit === undefined) return
    if (emit.handedOver) this.#facts.violated(`${text} was published twice`)
    emit.handedOver = true
    const overtaken = this.#open.slice(0, index).find((other) => other.key.name === emit.key.name && !other.handedOver)
    if (overtaken !== undefined) this.#facts.violated(`${text} overtakes ${overtaken.text}`)
    if (this.#facts.outputAway || this.#facts.mayHaveDrained(pendingWaits)) return
    if (this.#facts.now >= emit.called + longestHold - rounding) return
    for (const { topic, since } of emit.awaited) {
      const present = this.#facts.call(topic)
      // What was ended since then and is asked for again is still what it waits for.
      if (present === undefined || !this.#facts.isAwaited(present)) continue
      if (present.since === since || present.since >= emit.called) {
        this.#facts.violated(`${text} does not wait for the subscription of (${topicText(topic)})`)
      }
    }
  }

  published(text: string, code: string | undefined): void {
    const emit = this.#open.find((open) => open.text === text)
    if (emit !== undefined) emit.result = code ?? 'accepted'
  }

  settled(text: string, outcome: string, pendingWaits: number): void {
    const index = this.#open.findIndex((emit) => emit.text === text)
    const [emit] = index === -1 ? [] : this.#open.splice(index, 1)
    if (emit === undefined) {
      this.#facts.violated(`${text} settled twice`)
      return
    }
    if (outcome !== 'accepted') this.#told.set(outcome, (this.#told.get(outcome) ?? 0) - 1)
    if (!emit.handedOver && outcome === 'ERR_CLOSED' && this.#facts.mayHaveDrained(pendingWaits)) return
    const late = this.#facts.outputAway && this.#facts.now >= emit.called + longestHold - rounding
    // Held in an interruption until its time was over: it is not sent at all.
    if (!emit.handedOver && outcome === 'ERR_CONNECTION' && late) return
    if (outcome !== emit.result) {
      this.#facts.violated(`the emit of ${text} settled with ${outcome}, not with ${emit.result ?? 'nothing'}`)
    }
  }

  /** onerror told an error of the publishing side. */
  told(code: string): void {
    this.#told.set(code, (this.#told.get(code) ?? 0) + 1)
  }

  endTurn(): void {
    for (const [code, count] of this.#told) {
      if (count < 0) this.#facts.violated(`an emit rejected with ${code}, which onerror did not tell`)
    }
    for (const { text, result } of this.#open) {
      if (result !== undefined)
        this.#facts.violated(`the emit of ${text} is pending although the transport has settled`)
    }
  }

  idle(): void {
    const names = new Set<string>()
    for (const { text, key, called, handedOver } of this.#open) {
      if (handedOver) continue
      if (this.#facts.now > called + longestHold + rounding) this.#facts.violated(`${text} is held for over 5 s`)
      // Those behind the first of a name wait for it.
      if (names.has(key.name)) continue
      names.add(key.name)
      // In an interruption it is held for whoever waited at the call, and may have ended since.
      if (this.#facts.outputAway || this.#facts.inFlight(key)) continue
      this.#facts.violated(`${text} is held although no subscription of (${keyText(key)}) is in flight`)
    }
  }
}
