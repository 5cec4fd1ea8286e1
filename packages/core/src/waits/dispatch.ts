import type { Args } from '../event-map'
import {
  ServerEventsError,
  PayloadTooLargeError,
  SealError,
  SerializationError,
  UnsupportedError,
  RemoteError,
} from '../errors'
import type { RemoteFailure } from '../errors'
import { quoted } from '../text'
import type { EventKey } from '../transport'
import type { Telling } from '../observe/diagnostics'
import type { Reading } from '../messages/reading'
import type { Listened } from '../registry/name'
import { guard } from '../base/guard'
import type { Reports } from '../observe/reports'
import type { Pending } from '../pending/pending'

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
  readonly #reports: Reports
  readonly #telling: Telling

  constructor(reports: Reports, telling: Telling) {
    this.#reports = reports
    this.#telling = telling
  }

  /** To waits or streams. */
  to<P extends Pending>(reading: Reading, items: readonly P[], recipient: Recipient<P>): void {
    if (items.length === 0) return
    this.#reading(reading.key, () => {
      for (const item of items) {
        if (reading.message.kind === 'failure') recipient.failure(item, reading.failure())
        else recipient.event(item, reading.args())
      }
    })
  }

  toListeners(reading: Reading, listeners: ReadonlySet<Listened>): void {
    if (listeners.size === 0) return
    const { key, message } = reading
    this.#reading(key, () => {
      for (const listened of [...listeners]) {
        // One before it may have ended this one's listening.
        if (!listeners.has(listened)) continue
        const call = callOf(listened, reading)
        if (call === undefined) continue
        const work = guard(
          // Inside of its context: what a subscriber puts around the call is nearer to it.
          () => listened.run(() => this.#telling.calling(key, message, call)),
          (error) => {
            this.#telling.listenerFailed(key, error)
            this.#reports.listenerFailed(key, error)
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

  /** Only one of the two sides keeps the events of a name. */
  reportMismatch(name: string, keptHere: boolean): void {
    const what = keptHere
      ? 'arrives unkept although option keep names it here: set `keep` where it is emitted too'
      : 'is kept by who emits it, and this side does not look for what was kept: set `keep` for it here too'
    this.#reports.once('mismatch', name, 'outputStore', () => new UnsupportedError(`event ${quoted(name)} ${what}`))
  }

  #reading(key: EventKey, read: () => void): void {
    try {
      read()
    } catch (error) {
      const known = error instanceof ServerEventsError ? error : new SerializationError(unreadable(key.name))
      this.#telling.dropped(key, known)
      this.#reports.once(known.code, key.name, 'outputStore', () => known, key)
    }
  }
}

/** How one of a name's listeners is called for a message; undefined if it does not hear that kind. */
function callOf({ event, failure }: Listened, reading: Reading): (() => unknown) | undefined {
  const { id } = reading.key
  if (reading.message.kind === 'event') {
    if (event === undefined) return undefined
    const args = reading.args()
    return () => event(id, ...args)
  }
  if (failure === undefined) return undefined
  const error = new RemoteError(reading.failure())
  return () => failure(id, error)
}

function unreadable(name: string): string {
  return `a message of event ${quoted(name)} was dropped: it cannot be read`
}

/** What a transport could not read: told once, since a peer may send it for ever. */
export function isGarbage(error: ServerEventsError): boolean {
  return (
    error instanceof SerializationError ||
    error instanceof PayloadTooLargeError ||
    error instanceof UnsupportedError ||
    error instanceof SealError
  )
}
