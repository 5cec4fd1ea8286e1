import { InvalidArgumentError, SealError } from '../errors'
import { quoted } from '../text'
import type { EventKey, Keeper, Message, Once, Receiver, Side, Topic, Transport } from '../transport'
import { Keys } from './keys'
import { Seal } from './seal'

/** Options of `sealed`. */
export interface SealOptions {
  /**
   * Each at least 16 bytes, a text or bytes; use random ones. The first seals, all of them open: to
   * change it without losing an event, add the new one last everywhere, then put it first, then
   * remove the old one.
   */
  readonly secrets: readonly (string | Uint8Array)[]
}

/**
 * A transport that seals what another one carries: bodies, headers, failures and kept outcomes are
 * encrypted and authenticated (AES-256-GCM), so that who may publish on the server cannot answer a
 * wait, and who reads it learns nothing of what is sent but sizes, names and ids.
 *
 * What was not sealed with one of the secrets for its name, id and kind is dropped and told on
 * `onerror` as SealError. All that publish and hear a name must seal, or none. A sealed body is 65
 * bytes longer than the message.
 *
 * @throws InvalidArgumentError for a missing or short secret, or an unknown option
 */
export function sealed(transport: Transport, options: SealOptions): Transport {
  const { secrets, ...unknown } = Object(options) as SealOptions
  const [option] = Object.keys(unknown)
  if (option !== undefined) throw new InvalidArgumentError(`unknown option ${option}: there is secrets`)
  if (typeof (transport as Partial<Transport> | null)?.attach !== 'function') {
    throw new InvalidArgumentError('the first argument of sealed must be a transport')
  }
  return new SealedTransport(transport, new Seal(new Keys(secrets)))
}

class SealedTransport implements Transport {
  readonly routing: Transport['routing']
  readonly homes: boolean
  readonly questions: true | undefined
  readonly publishTimeout?: number
  readonly keeper?: Keeper
  readonly #transport: Transport
  readonly #seal: Seal
  #receiver: Receiver | undefined

  constructor(transport: Transport, seal: Seal) {
    this.#transport = transport
    this.#seal = seal
    this.routing = transport.routing
    this.homes = transport.homes === true
    this.questions = transport.questions
    const { keeper, publishTimeout } = transport
    if (publishTimeout !== undefined) this.publishTimeout = publishTimeout
    if (keeper !== undefined) this.keeper = this.#sealing(keeper)
  }

  attach(receiver: Receiver): void {
    const opening: Receiver = {
      wants: (key) => receiver.wants(key),
      deliver: (key, message) => {
        const opened = this.#seal.open(key, message)
        if (opened === undefined) receiver.error('outputStore', notOpened(key))
        else receiver.deliver(key, opened)
      },
      state: (side: Side, up: boolean, cause?: Error) => {
        receiver.state(side, up, cause)
      },
      lost: (topic: Topic, error: Error) => {
        receiver.lost(topic, error)
      },
      error: (side: Side, error: Error) => {
        receiver.error(side, error)
      },
    }
    this.#transport.attach(opening)
    this.#receiver = receiver
  }

  inTransaction(): boolean {
    return this.#transport.inTransaction?.() === true
  }

  connect(): Promise<void> {
    return this.#transport.connect()
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.#transport.publish(key, this.#seal.seal(key, message))
  }

  subscribe(topic: Topic): Promise<void> {
    return this.#transport.subscribe(topic)
  }

  unsubscribe(topic: Topic): Promise<void> {
    return this.#transport.unsubscribe(topic)
  }

  close(): Promise<void> {
    return this.#transport.close()
  }

  /** Of two messages that are the same no two seals are. What does not open was not sealed here, and holds nothing. */
  #opening(key: EventKey, once: Once): Once {
    return (held) => {
      const opened = this.#seal.open(key, held)
      return opened === undefined ? 'none' : once(opened)
    }
  }

  #sealing(keeper: Keeper): Keeper {
    return {
      ...(keeper.once === true && { once: true }),
      publish: (key, message, keepMs, once) =>
        keeper.publish(key, this.#seal.seal(key, message), keepMs, once && this.#opening(key, once)),
      recall: async (keys) => {
        const answers = await keeper.recall(keys)
        return answers.map((answer, index) => {
          const key = keys[index]
          if (key === undefined || answer === undefined || answer instanceof Error || !('kind' in answer)) return answer
          const opened = this.#seal.open(key, answer)
          if (opened !== undefined) return opened
          this.#receiver?.error('inputStore', notOpened(key))
          return notOpened(key)
        })
      },
      forget: (key) => keeper.forget(key),
    }
  }
}

function notOpened({ name }: EventKey): SealError {
  return new SealError(`a message of event ${quoted(name)} was dropped: none of the secrets here has sealed it`)
}
