import type { ConnectionError, EventKey, Message, Topic } from 'server-events'
import type { Link, LinkEvents, LinkStore } from 'server-events/transport-kit'
import type { Settings } from '../options'
import { Outcomes } from '../outcomes/outcomes'
import type { Session } from '../session/session'
import { Channels } from '../wire/names'
import { Listening } from './listening'
import { Notifying } from './notifying'

/** What a link asks of who made it. */
export interface LinkHost {
  warn(error: ConnectionError): void
  /** Another connection to the same place. */
  another(): Promise<Session>
}

/** One connection; what it is used for starts when it is used. */
export class PostgresLink implements Link {
  readonly store?: LinkStore
  readonly #session: Session
  readonly #notifying: Notifying
  readonly #listening: Listening
  readonly #outcomes: Outcomes | undefined

  constructor(session: Session, place: string, settings: Settings, events: LinkEvents, host: LinkHost) {
    const channels = new Channels(settings.prefix)
    this.#session = session
    this.#notifying = new Notifying(session, place, channels)
    this.#listening = new Listening(session, place, channels, events, host)
    if (settings.table === false) return
    this.#outcomes = new Outcomes(session, place, { ...settings, table: settings.table })
    this.store = this.#outcomes
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.#notifying.publish(key, message)
  }

  subscribe(topic: Topic): Promise<void> {
    return this.#listening.subscribe(topic)
  }

  unsubscribe(topic: Topic): Promise<void> {
    return this.#listening.unsubscribe(topic)
  }

  async ping(): Promise<void> {
    if (this.#listening.used) await this.#listening.ping()
    else await this.#session.query('SELECT 1')
  }

  /** Where it listens only what is heard by LISTEN counts: a pooler would answer everything else. */
  bytesRead(): number {
    return this.#listening.used ? this.#listening.heard : this.#session.bytesRead
  }

  close(): Promise<void> {
    this.#listening.close()
    this.#outcomes?.close()
    return this.#session.close()
  }
}
