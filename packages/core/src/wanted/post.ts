import { inRootContext } from '../base/context'
import type { EventKey, Message, Transport } from '../transport'

/** So many are with the transport at a time: it holds only so much, and that is for the user's own emits. */
const MOST_UNDER_WAY = 256

interface Letter {
  readonly key: EventKey
  readonly message: Message
  readonly settle: (sent: Promise<void>) => void
}

/** Sends what an instance says by itself: in order, and never so much at once that emits would be refused for it. */
export class Post {
  readonly #transport: Transport
  readonly #waiting: Letter[] = []
  #underWay = 0
  #whenEmpty: (() => void) | undefined

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#waiting.length
  }

  get isEmpty(): boolean {
    return this.#underWay === 0
  }

  /** Settles as `Transport.publish` does. */
  send(key: EventKey, message: Message): Promise<void> {
    return new Promise((settle) => {
      this.#waiting.push({ key, message, settle })
      this.#proceed()
    })
  }

  /** Resolves when all is sent. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenEmpty = resolve
    })
  }

  #proceed(): void {
    const room = MOST_UNDER_WAY - this.#underWay
    if (room > 0) for (const letter of this.#waiting.splice(0, room)) this.#send(letter)
    if (this.#underWay === 0) this.#whenEmpty?.()
  }

  #send({ key, message, settle }: Letter): void {
    this.#underWay++
    // Of nobody's transaction, whoever's call it is that has led to it.
    const sent = inRootContext(async () => {
      await this.#transport.publish(key, message)
    })
    settle(sent)
    const over = (): void => {
      this.#underWay--
      this.#proceed()
    }
    sent.then(over, over)
  }
}
