import type { EventKey, Message } from 'server-events'
import { keyText, messageText } from '../texts'
import type { Facts } from './facts'

interface Held {
  readonly text: string
  readonly until: number
}

/**
 * What is promised of names that are kept once: no two waits of one id settle differently, a second
 * producer of another outcome is rejected, and one of the same, or the same emit again, is not. It
 * has a register of its own, written once for each id until it runs out or is forgotten.
 */
export class OnceRules {
  readonly #facts: Facts
  readonly #held = new Map<string, Held>()
  /** What has held at any time: it may be heard late. */
  readonly #ever = new Map<string, Set<string>>()

  constructor(facts: Facts) {
    this.#facts = facts
  }

  /** The server stores an outcome, in place of whatever it had. */
  stored(at: number, key: EventKey, message: Message, until: number): void {
    if (!this.#facts.keepsOnce(key.name)) return
    const text = messageText(message)
    const held = this.#heldAt(at, key)
    if (held !== undefined && held.text !== text) {
      this.#facts.violated(`${text} of (${keyText(key)}) replaces ${held.text}, which holds`)
    }
    this.#held.set(keyText(key), { text, until })
    const ever = this.#ever.get(keyText(key)) ?? new Set()
    this.#ever.set(keyText(key), ever.add(text))
  }

  forgotten(key: EventKey): void {
    this.#held.delete(keyText(key))
  }

  /** The transport asked the engine what the outcome that holds is to another one. */
  compared(key: EventKey, held: Message, message: Message, verdict: string): void {
    const [there, mine] = [messageText(held), messageText(message)]
    const right = there === mine ? 'same' : 'other'
    if (verdict !== right)
      this.#facts.violated(`${mine} of (${keyText(key)}) is called "${verdict}" where ${there} holds`)
  }

  settled(key: EventKey, outcome: string): void {
    if (!this.#facts.keepsOnce(key.name) || !/^(event|failure) /.test(outcome)) return
    if (this.#ever.get(keyText(key))?.has(outcome) !== true)
      this.#facts.violated(`a wait of (${keyText(key)}) settled with ${outcome}, which never held`)
  }

  #heldAt(at: number, key: EventKey): Held | undefined {
    const held = this.#held.get(keyText(key))
    return held !== undefined && held.until > at ? held : undefined
  }
}
