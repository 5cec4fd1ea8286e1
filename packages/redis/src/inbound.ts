import { patternAround } from './routes'
import type { Route } from './routes'

/** A topic that is desired, as far as hearing it goes. */
interface Heard {
  readonly route: Route
}

/** What is desired, by what the server is asked for. */
export type Desired<T extends Heard = Heard> = Readonly<Record<Route['kind'], Map<string, T>>>

/**
 * Takes what one connection hears to its topic. An id that is waited for and its name that is
 * listened to make two copies of one PUBLISH: Redis sends them one directly behind the other, that
 * of the channel first. The second one is dropped, because the first one served the name as well.
 */
export class Inbound {
  /** What came last, if a second copy may follow. */
  private last: { readonly channel: string; readonly payload: string } | undefined

  constructor(private readonly desired: Desired) {}

  message(channel: string, payload: string): void {
    this.last = undefined
    const topic = this.desired.channel.get(channel)
    // Given up, and still heard: the copy of the pattern is then the one that counts.
    if (!topic) return
    if (this.desired.pattern.size > 0 && this.desired.pattern.has(patternAround(channel)))
      this.last = { channel, payload }
    topic.route.read(channel, channel, payload)
  }

  pmessage(pattern: string, channel: string, payload: string): void {
    const { last } = this
    this.last = undefined
    if (last?.channel === channel && last.payload === payload) return
    this.desired.pattern.get(pattern)?.route.read(pattern, channel, payload)
  }

  /**
   * The server has given these up, so that no second copy is under way any more. Without this, an
   * event that was heard before the pattern stood would be taken for the next one that is its equal.
   */
  gone(channels: readonly string[]): void {
    if (this.last && channels.includes(this.last.channel)) this.last = undefined
  }
}
