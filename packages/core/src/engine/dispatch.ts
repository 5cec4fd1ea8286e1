import type { Args } from '../contract'
import { ServerEventsError, PayloadTooLargeError, SerializationError, UnsupportedError } from '../errors'
import type { RemoteFailure } from '../errors'
import { quoted } from '../text'
import type { EventKey, Message } from '../transport'
import { dropped } from './diagnostics'
import type { Messages } from './messages'
import type { Listener } from './names'
import { guard, type Reports } from './reports'
import type { Pending } from './pending'

export interface Recipient<P extends Pending> {
  event(item: P, args: Args): void
  failure(item: P, failure: RemoteFailure): void
}

/** Brings one message to all it is for. Whatever is wrong with it is reported once per kind and name. */
export class Dispatch {
  /** How many listeners have returned a promise that has not settled. */
  working = 0
  /** Called when the last of them has settled. */
  whenNobodyWorks: (() => void) | undefined
  readonly #messages: Messages
  readonly #reports: Reports

  constructor(messages: Messages, reports: Reports) {
    this.#messages = messages
    this.#reports = reports
  }

  /** To waits or streams. Each gets args decoded for it alone. */
  to<P extends Pending>(key: EventKey, message: Message, items: readonly P[], recipient: Recipient<P>): void {
    if (items.length === 0) return
    this.#reading(key, () => {
      this.#messages.checkSize(key, message)
      for (const item of items) {
        if (message.kind === 'failure') recipient.failure(item, this.#messages.remoteFailure(key, message))
        else recipient.event(item, this.#messages.args(key, message))
      }
    })
  }

  toListeners(key: EventKey, message: Message, listeners: ReadonlySet<Listener>): void {
    if (listeners.size === 0) return
    this.#reading(key, () => {
      this.#messages.checkSize(key, message)
      for (const listener of [...listeners]) {
        // One before it may have ended this one's listening.
        if (!listeners.has(listener)) continue
        const args = this.#messages.args(key, message)
        const work = guard(
          () => listener(key.id, ...args),
          (error) => {
            this.#reports.listenerFailed(key.name, error)
          },
        )
        if (work !== undefined) void this.#whileWorking(work)
      }
    })
  }

  async #whileWorking(work: Promise<unknown>): Promise<void> {
    this.working++
    await work
    this.working--
    if (this.working === 0) this.whenNobodyWorks?.()
  }

  /** The emitter does not keep what this side looks for. */
  reportMismatch(name: string): void {
    this.#reports.once(
      'mismatch',
      name,
      'outputStore',
      () =>
        new UnsupportedError(
          `event ${quoted(name)} arrives unkept although option keep names it here: set keep where it is emitted too`,
        ),
    )
  }

  #reading(key: EventKey, read: () => void): void {
    try {
      read()
    } catch (error) {
      const known = error instanceof ServerEventsError ? error : new SerializationError(unreadable(key.name))
      dropped(key, known)
      this.#reports.once(known.code, key.name, 'outputStore', () => known)
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
