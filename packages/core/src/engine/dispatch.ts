import type { Args } from '../contract'
import { ServerEventsError, PayloadTooLargeError, SerializationError, UnsupportedError } from '../errors'
import type { RemoteFailure } from '../errors'
import { quoted } from '../text'
import type { EventKey, Message } from '../transport'
import type { Messages } from './messages'
import type { Listener } from './names'
import { guard, type Reports } from './reports'
import type { Wait } from './wait'

export interface Settling {
  resolve(wait: Wait, args: Args): void
  reject(wait: Wait, failure: RemoteFailure): void
}

/** Brings one message to all it is for. Whatever is wrong with it is reported once per kind and name. */
export class Dispatch {
  readonly #messages: Messages
  readonly #reports: Reports

  constructor(messages: Messages, reports: Reports) {
    this.#messages = messages
    this.#reports = reports
  }

  /** Every wait gets args decoded for it alone. */
  toWaits(key: EventKey, message: Message, waits: readonly Wait[], settle: Settling): void {
    if (waits.length === 0) return
    this.#reading(key, () => {
      this.#messages.checkSize(key, message)
      for (const wait of waits) {
        if (message.kind === 'failure') settle.reject(wait, this.#messages.remoteFailure(key, message))
        else settle.resolve(wait, this.#messages.args(key, message))
      }
    })
  }

  toListeners(key: EventKey, message: Message, listeners: ReadonlySet<Listener>): void {
    this.#reading(key, () => {
      for (const listener of [...listeners]) {
        // One before it may have ended this one's listening.
        if (!listeners.has(listener)) continue
        this.#messages.checkSize(key, message)
        const args = this.#messages.args(key, message)
        guard(
          () => listener(key.id, ...args),
          (error) => {
            this.#reports.listenerFailed(key.name, error)
          },
        )
      }
    })
  }

  /** The emitter does not keep what this side looks for. */
  reportMismatch(name: string): void {
    this.#reports.once(
      `mismatch ${name}`,
      'outputStore',
      () =>
        new UnsupportedError(
          `event ${quoted(name)} arrives unkept although option keep names it here: set keep where it is emitted too`,
        ),
    )
  }

  #reading({ name }: EventKey, read: () => void): void {
    try {
      read()
    } catch (error) {
      const known = error instanceof ServerEventsError ? error : new SerializationError(unreadable(name))
      this.#reports.once(`${known.code} ${name}`, 'outputStore', () => known)
    }
  }
}

function unreadable(name: string): string {
  return `a message of event ${quoted(name)} was dropped: it cannot be read`
}

/** What a transport could not read: told once, since a peer may send it for ever. */
export function isGarbage(error: ServerEventsError): boolean {
  return (
    error instanceof SerializationError || error instanceof PayloadTooLargeError || error instanceof UnsupportedError
  )
}
