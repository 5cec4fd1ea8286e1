import type { ServerEventsError } from '../errors'

/** How one side of the connection is doing. */
export interface StoreStats {
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
const rememberedGaps = 256

/** The health of one side of the transport. */
export class StoreHealth {
  lastError: ServerEventsError | undefined
  #state: 'never' | 'up' | 'down' = 'never'
  #interruptions = 0
  readonly #gaps: Gap[] = [{ from: 0, to: Infinity }]

  /** 'never' means that it never stood: neither up nor down. */
  get state(): 'never' | 'up' | 'down' {
    return this.#state
  }

  up(now: number): void {
    this.#state = 'up'
    const gap = this.#gaps.at(-1)
    if (gap !== undefined) gap.to = now
  }

  down(now: number): void {
    this.#state = 'down'
    this.#interruptions++
    this.#gaps.push({ from: now, to: Infinity })
    if (this.#gaps.length > rememberedGaps) this.#gaps.shift()
  }

  /** The end, which is no interruption. */
  close(): void {
    this.#state = 'down'
  }

  /** Whole ms without a connection between two times. */
  missing(from: number, to: number): number {
    let sum = 0
    for (const gap of this.#gaps) sum += Math.max(0, Math.min(to, gap.to) - Math.max(from, gap.from))
    return Math.round(sum)
  }

  stats(): StoreStats {
    return {
      connected: this.#state === 'up',
      interruptions: this.#interruptions,
      ...(this.lastError === undefined ? {} : { lastError: this.lastError }),
    }
  }
}
