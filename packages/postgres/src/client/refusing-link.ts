import type { UnsupportedError } from 'server-events'
import type { Link, LinkStore } from 'server-events/transport-kit'
import type { Session } from '../session/session'

/** A connection to a server that cannot do what this transport needs: that is the answer to whatever is asked. */
export class RefusingLink implements Link {
  readonly store: LinkStore
  readonly #session: Session
  readonly #why: UnsupportedError

  constructor(session: Session, why: UnsupportedError) {
    this.#session = session
    this.#why = why
    const refuse = (): Promise<never> => this.#refuse()
    this.store = { set: refuse, setOnce: refuse, get: refuse, delete: refuse, probe: refuse }
  }

  publish(): Promise<never> {
    return this.#refuse()
  }

  subscribe(): Promise<never> {
    return this.#refuse()
  }

  unsubscribe(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return this.#session.close()
  }

  #refuse(): Promise<never> {
    return Promise.reject(this.#why)
  }
}
