import type { EventKey, Message } from 'server-events'
import type { Peer } from '../peer'
import type { Stage } from '../stage'
import { codeOf, show } from './show'
import { howItSettles } from './waiting'
import type { Settled } from './waiting'

/** Who rejects with one of these says that nothing was written and nothing will be. */
const neverSent: readonly unknown[] = [
  'ERR_CONNECTION',
  'ERR_CLOSED',
  'ERR_FORBIDDEN',
  'ERR_AUTH',
  'ERR_PAYLOAD_TOO_LARGE',
]

/** Publishes whose ends are compared with what is heard. Their bodies have to be unique. */
export class Attempts {
  readonly #stage: Stage
  readonly #all: { readonly call: string; readonly message: Message; readonly end: Promise<Settled> }[] = []

  constructor(stage: Stage) {
    this.#stage = stage
  }

  publish(peer: Peer, key: EventKey, message: Message): void {
    this.#add(`publish(${show(key)})`, message, peer.transport.publish(key, message))
  }

  keep(peer: Peer, key: EventKey, message: Message): void {
    this.#add(`keeper.publish(${show(key)})`, message, this.#stage.keeperOf(peer).publish(key, message, 60_000))
  }

  #add(call: string, message: Message, promise: Promise<void>): void {
    this.#all.push({ call, message, end: howItSettles(promise) })
  }

  /** Each has to settle in time, and to reject with these codes only. */
  async settle(when: string, ...codes: string[]): Promise<void> {
    await Promise.all(
      this.#all.map(({ call, end }) => this.#stage.resolvesOr(codes, `${call} ${when}`, end.then(unwrap))),
    )
  }

  /** What was accepted; the others rejected. */
  async accepted(): Promise<Message[]> {
    const ends = await Promise.all(this.#all.map(async ({ message, end }) => ({ message, ...(await end) })))
    return ends.filter(({ ok }) => ok).map(({ message }) => message)
  }

  /** What rejected and said that it was not sent. */
  async unsent(): Promise<readonly { readonly message: Message; readonly code: string }[]> {
    const ends = await Promise.all(this.#all.map(async ({ message, end }) => ({ message, settled: await end })))
    return ends.flatMap(({ message, settled }) => {
      const code = settled.ok ? undefined : codeOf(settled.error)
      return neverSent.includes(code) ? [{ message, code: String(code) }] : []
    })
  }

  /** To be asked when everything that was published would have arrived. */
  async neverHeard(...peers: Peer[]): Promise<void> {
    for (const { message, code } of await this.unsent()) {
      const heard = peers.some((peer) => peer.heard.some((one) => one.message.body === message.body))
      this.#stage.check(!heard, `delivered ${show(message.body)}, whose publish had rejected with ${code}`)
    }
  }
}

function unwrap(settled: Settled): unknown {
  if (settled.ok) return settled.value
  throw settled.error
}
