import { Client } from 'pg'
import { InvalidArgumentError } from 'server-events'
import type { ConnectionError, Side } from 'server-events'
import { failedAt, ours } from 'server-events/transport-kit'
import type { Driver, Link, LinkEvents } from 'server-events/transport-kit'
import { connectionTrouble, tooOld } from '../errors'
import type { PostgresClientOptions, Settings } from '../options'
import { Session } from '../session/session'
import { PostgresLink } from './link'
import { RefusingLink } from './refusing-link'

/** What this transport asks, no server before this version understands. */
const OLDEST = 12

/** Makes connections to PostgreSQL: one that publishes and keeps, and one that listens. */
export class PostgresDriver implements Driver {
  readonly routing = 'name'
  readonly questions = true
  readonly broker = 'postgres'
  readonly separate = true
  readonly keeps: boolean
  readonly once = true
  readonly #settings: Settings
  readonly #warn: (error: ConnectionError) => void
  readonly #places: Readonly<Record<Side, string>>

  /**
   * `warn` is told what is no trouble yet.
   * @throws InvalidArgumentError
   */
  constructor(settings: Settings, warn: (error: ConnectionError) => void) {
    this.keeps = settings.table !== false
    this.#settings = settings
    this.#warn = warn
    this.#places = { inputStore: placeOf(settings.publishing), outputStore: placeOf(settings.listening) }
  }

  get place(): string {
    const { inputStore, outputStore } = this.#places
    return inputStore === outputStore ? inputStore : `${inputStore} and ${outputStore}`
  }

  async dial(events: LinkEvents, signal: AbortSignal, side: Side = 'inputStore'): Promise<Link> {
    const place = this.#places[side]
    const { publishing, listening } = this.#settings
    const options = side === 'inputStore' ? publishing : listening
    const open = (ended: (cause?: unknown) => void): Promise<Session> => Session.open(options, signal, ended)
    // That we end it ourselves is no news: the reason for it is what is thrown.
    let isLeft = false
    try {
      const session = await open((cause) => {
        if (!isLeft) events.ended(connectionTrouble(cause, place))
      })
      const link = new PostgresLink(session, place, this.#settings, events, {
        warn: this.#warn,
        another: () => open(ignore),
      })
      // A server that falls silent after it has greeted never answers.
      const calledOff = (): void => void session.close().catch(ignore)
      signal.addEventListener('abort', calledOff, { once: true })
      if (signal.aborted) calledOff()
      const [row] = await session
        .query("SELECT pg_is_in_recovery() AS standby, current_setting('server_version_num')::int AS version")
        .finally(() => signal.removeEventListener('abort', calledOff))
      const version = Number(row?.['version'])
      if (version < OLDEST * 10_000) return new RefusingLink(session, tooOld(place, version))
      // A standby keeps nothing, and knows no LISTEN.
      if (row?.['standby'] !== true) return link
      isLeft = true
      await link.close()
    } catch (error) {
      throw ours(error) ?? connectionTrouble(error, place)
    }
    throw failedAt(`postgres at ${place}`, 'it is a standby, and read-only')
  }
}

/**
 * Host and port, as the client understands what it is given.
 * @throws InvalidArgumentError
 */
function placeOf(options: PostgresClientOptions): string {
  try {
    const { host, port } = new Client(options)
    return `${host}:${port}`
  } catch {
    // Without the cause: it may hold the password.
    throw new InvalidArgumentError('these are no options of a client of pg: is the URL what it has to be?')
  }
}

function ignore(): void {
  // It is closed as soon as it has been used, or there is nothing to close any more.
}
