import { homeOf, PayloadTooLargeError } from 'server-events'
import type { EventKey, Message } from 'server-events'
import { encodeEvent, eventOf } from 'server-events/transport-kit'
import { answer } from '../errors'
import { Batcher } from '../session/batcher'
import type { Session } from '../session/session'
import { framesOf, LONGEST_EVENT } from '../wire/frames'
import type { Outgoing } from '../wire/frames'
import type { Channels } from '../wire/names'

/** One transaction that notifies holds up every other one of the cluster that does. */
const limits = { count: 512, size: 1_048_576 }

/** Between channels, and between payloads: neither has one. In an array each quote would have to be escaped. */
const SEPARATOR = '\t'

/** A notification does not survive a crash, so nobody waits for the disk. */
const NOTIFY = `SELECT set_config('synchronous_commit', 'off', true), pg_notify(n.channel, n.payload)
FROM unnest(string_to_array($1, $3), string_to_array($2, $3)) AS n(channel, payload)`

interface Notification extends Outgoing {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Publishes, what is asked in one tick in one transaction, and one transaction at a time. */
export class Notifying {
  readonly #session: Session
  readonly #place: string
  readonly #channels: Channels
  #number = 0
  readonly #batches = new Batcher<Notification>(
    limits,
    ({ text }) => text.length,
    (batch) => this.#notify(batch),
  )

  constructor(session: Session, place: string, channels: Channels) {
    this.#session = session
    this.#place = place
    this.#channels = channels
  }

  publish(key: EventKey, message: Message): Promise<void> {
    const text = encodeEvent(key, message)
    if (text.length > LONGEST_EVENT)
      return Promise.reject(
        new PayloadTooLargeError(
          `${eventOf(key)} has ${text.length} bytes on the wire to postgres, and may have ${LONGEST_EVENT}`,
        ),
      )
    const home = message.kind === 'answer' ? homeOf(key.id) : undefined
    const channel = home === undefined ? this.#channels.of(key.name) : this.#channels.ofHome(key.name, home)
    return new Promise((resolve, reject) => this.#batches.add({ channel, text, resolve, reject }))
  }

  async #notify(batch: readonly Notification[]): Promise<void> {
    const { channels, payloads, next } = framesOf(batch, this.#number)
    this.#number = next
    try {
      await this.#session.query(NOTIFY, [channels.join(SEPARATOR), payloads.join(SEPARATOR), SEPARATOR])
      for (const { resolve } of batch) resolve()
    } catch (error) {
      for (const { reject } of batch) reject(answer(error, this.#place))
    }
  }
}
