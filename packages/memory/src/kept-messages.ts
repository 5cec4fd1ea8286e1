import type { EventKey, Message } from 'server-events'
import { LONGEST_TIMER } from './timers'

interface Kept {
  readonly message: Message
  timer: NodeJS.Timeout
}

/** The latest kept message of each key, until it expires. */
export class KeptMessages {
  readonly #kept = new Map<string, Kept>()

  set(key: EventKey, message: Message, keepMs: number): void {
    this.delete(key)
    const kept: Kept = { message, timer: this.#expire(key, keepMs) }
    this.#kept.set(address(key), kept)
  }

  get(key: EventKey): Message | undefined {
    return this.#kept.get(address(key))?.message
  }

  delete(key: EventKey): void {
    clearTimeout(this.#kept.get(address(key))?.timer)
    this.#kept.delete(address(key))
  }

  /** By timers alone, without a look at a clock: fake timers drive them, and some of those leave the clocks standing. */
  #expire(key: EventKey, ms: number): NodeJS.Timeout {
    const timer = setTimeout(
      () => {
        const kept = this.#kept.get(address(key))
        // Of another timer means a later message: fake timers do not clear a real one, nor the other way round.
        if (kept?.timer !== timer) return
        if (ms > LONGEST_TIMER) kept.timer = this.#expire(key, ms - LONGEST_TIMER)
        else this.#kept.delete(address(key))
      },
      Math.min(ms, LONGEST_TIMER),
    )
    // Some fakes give a number.
    ;(timer as Partial<NodeJS.Timeout>).unref?.()
    return timer
  }
}

/** ('a', 'b:c') and ('a:b', 'c') are two. */
function address({ name, id }: EventKey): string {
  return JSON.stringify([name, id])
}
