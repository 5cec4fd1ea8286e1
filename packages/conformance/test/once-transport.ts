import { AlreadySettledError } from 'server-events'
import type { EventKey, Keeper, Message, Once } from 'server-events'
import { HonestTransport } from './honest-transport'

/** An honest one that keeps the first outcome, too. */
export class OnceTransport extends HonestTransport {
  override readonly keeper: Keeper = this.#keeping()

  /** With what holds instead of it. */
  async settle(key: EventKey, message: Message, keepMs: number, once: Once): Promise<Message | undefined> {
    for (let expected: string | undefined; ;) {
      const value = await this.replace(key, expected, message, keepMs)
      const held = value === undefined ? undefined : this.decode(value)
      if (!held || once(held) !== 'none') return held
      expected = value
    }
  }

  replace(key: EventKey, expected: string | undefined, message: Message, ms: number): Promise<string | undefined> {
    return this.ours(this.client.replace(this.storeKey(key), expected, this.encode(message), ms))
  }

  #keeping(): Keeper {
    const { publish, ...others } = this.keeper
    return {
      ...others,
      once: true,
      publish: async (key, message, keepMs, once) => {
        if (!once) return publish(key, message, keepMs)
        const held = await this.settle(key, message, keepMs, once)
        await this.announce(key, held ?? message)
        if (held && once(held) === 'other') throw new AlreadySettledError('another outcome holds')
      },
    }
  }
}
