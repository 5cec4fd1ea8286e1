import { performance } from 'node:perf_hooks'
import type { Client } from './client'
import { replyCode } from './errors'
import { Timer } from './timer'

/**
 * Finds a connection whose other end is gone without a word: when nothing was heard for an
 * interval it asks for a PING, and when nothing was heard for another one it gives up.
 */
export class Heartbeat {
  private client: Client | undefined
  private heardAt = 0
  private asked = false
  private readonly timer = new Timer(() => this.beat())

  /** `interval` in ms, 0 for never. */
  constructor(
    private readonly interval: number,
    private readonly dead: () => void,
  ) {}

  start(client: Client): void {
    if (this.interval === 0) return
    this.client = client
    this.heard()
    this.timer.arm(this.interval, false)
  }

  stop(): void {
    this.client = undefined
    this.timer.clear()
  }

  /** Anything heard is life. */
  heard(): void {
    this.heardAt = performance.now()
    this.asked = false
  }

  private beat(): void {
    const { client } = this
    if (!client) return
    const rest = this.heardAt + this.interval - performance.now()
    // The fraction is a timer's inaccuracy.
    if (!this.asked && rest > 1) {
      this.timer.arm(rest, false)
      return
    }
    if (this.asked) {
      this.dead()
      return
    }
    this.asked = true
    this.timer.arm(this.interval, false)
    const answered = (): void => {
      if (this.client === client) this.heard()
    }
    client.ping().then(answered, (error: unknown) => {
      // That PING is forbidden is an answer too.
      if (replyCode(error) !== undefined) answered()
    })
  }
}
