import { patternAround, patternAroundHome } from '../wire/channels'
import type { Route } from '../wire/channels'

/** A topic that is desired, as far as hearing it goes. */
interface Heard {
  readonly route: Route
}

/** What is desired, by what the server is asked for. */
export type Desired<T extends Heard = Heard> = Readonly<Record<Route['kind'], Map<string, T>>>

/**
 * Takes what one connection hears to its topic. An id or a home that is waited for and its name that
 * is listened to make two copies of one PUBLISH: Redis sends them one directly behind the other, that
 * of the channel first. The second one is dropped, because the first one served the name as well.
 *
 * There is a second one if the pattern stood at the server. It did if its confirmation was read
 * before. If not, only what is read at once with the first copy is taken for the second: another
 * event that comes by the pattern alone comes after an UNSUBSCRIBE, which we write after the first.
 * So none is lost. One may come twice: if what is read at once holds the confirmation and the first
 * copy, and ends exactly there.
 */
export class DeliverOnce {
  readonly #desired: Desired
  /** What came last, if a second copy may follow. */
  #last: { readonly channel: string; readonly payload: string } | undefined
  /** What the server has confirmed on this connection. Weak: what is given up need not be told. */
  readonly #standing = new WeakSet<Heard>()

  constructor(desired: Desired) {
    this.#desired = desired
  }

  /** The server has confirmed it. */
  stands(topic: Heard): void {
    // Of channels nobody asks, and there may be a hundred thousand.
    if (topic.route.kind === 'pattern') this.#standing.add(topic)
  }

  message(channel: string, payload: string): void {
    this.#last = undefined
    const topic = this.#desired.channel.get(channel)
    // Given up, and still heard: the copy of the pattern is then the one that counts.
    if (!topic) return
    if (this.#desired.pattern.size > 0) this.#expectCopy(channel, payload)
    topic.route.read(channel, channel, payload)
  }

  pmessage(pattern: string, channel: string, payload: string): void {
    const last = this.#last
    this.#last = undefined
    if (last?.channel === channel && last.payload === payload) return
    this.#desired.pattern.get(pattern)?.route.read(pattern, channel, payload)
  }

  #expectCopy(channel: string, payload: string): void {
    const { pattern: patterns } = this.#desired
    const pattern = patterns.get(patternAround(channel)) ?? patterns.get(patternAroundHome(channel))
    if (!pattern) return
    const last = (this.#last = { channel, payload })
    if (this.#standing.has(pattern)) return
    // All that is read at once is told before any promise reacts.
    void Promise.resolve().then(() => {
      if (this.#last === last) this.#last = undefined
    })
  }
}
