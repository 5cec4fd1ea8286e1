import { unrefTimeout } from '../base/clock'
import type { ServerEventsError } from '../errors'

/** How one side of the connection is doing. */
export interface SideStats {
  /** Whether this side's connection stands now. */
  readonly connected: boolean
  /** How often it was lost. */
  readonly interruptions: number
  /** Why it was lost or could not be opened, the last time; absent if never. */
  readonly lastError?: ServerEventsError
}

interface Gap {
  readonly from: number
  to: number
}

/** Gaps remembered, to say how long a wait was without a connection. */
const REMEMBERED_GAPS = 256

/** The health of one side of the transport. */
export class ConnectionHealth {
  lastError: ServerEventsError | undefined
  #state: 'never' | 'up' | 'down' = 'never'
  #interruptions = 0
  #closed = false
  readonly #gaps: Gap[] = [{ from: 0, to: Infinity }]
  /** Called when it stands, and at its end. */
  readonly #awaited = new Set<() => void>()

  /** 'never' means that it never stood: neither up nor down. */
  get state(): 'never' | 'up' | 'down' {
    return this.#state
  }

  /** How often it was lost. */
  get interruptions(): number {
    return this.#interruptions
  }

  up(now: number): void {
    this.#state = 'up'
    const gap = this.#gaps.at(-1)
    if (gap !== undefined) gap.to = now
    for (const settle of this.#awaited) settle()
  }

  down(now: number): void {
    this.#state = 'down'
    this.#interruptions++
    this.#gaps.push({ from: now, to: Infinity })
    if (this.#gaps.length > REMEMBERED_GAPS) this.#gaps.shift()
  }

  /** The end, which is no interruption. */
  close(): void {
    this.#state = 'down'
    this.#closed = true
    for (const settle of this.#awaited) settle()
  }

  /** Resolves with true once it stands; with false at its end, and after so many ms. Holds no process. */
  standing(within: number): Promise<boolean> {
    if (this.#state === 'up' || this.#closed || within <= 0) return Promise.resolve(this.#state === 'up' && within > 0)
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer)
        this.#awaited.delete(settle)
        resolve(this.#state === 'up')
      }
      const timer = unrefTimeout(settle, within)
      this.#awaited.add(settle)
    })
  }

  /** Whole ms without a connection between two times. */
  missing(from: number, to: number): number {
    let sum = 0
    for (const gap of this.#gaps) sum += Math.max(0, Math.min(to, gap.to) - Math.max(from, gap.from))
    return Math.round(sum)
  }

  stats(): SideStats {
    return {
      connected: this.#state === 'up',
      interruptions: this.#interruptions,
      ...(this.lastError === undefined ? {} : { lastError: this.lastError }),
    }
  }
}
