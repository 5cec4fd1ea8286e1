import { AuthError, ConnectionError, InvalidArgumentError, ServerEventsError, UnsupportedError } from 'server-events'
import { discard, isReady } from './client'
import type { Client, RedisRole } from './client'
import { placeOf } from './client-options'
import { authRefusal, reason } from './errors'
import type { Dialer } from './source'
import { Timer } from './timer'

/** One connection, from dialling to its loss. Its identity is the epoch: what belongs to another one is stale. */
export interface Connection {
  readonly client: Client
  /** Host and port. */
  readonly place: string
}

/** What a link serves. */
export interface Side {
  /** Whether the process has to live until there is a connection. */
  needed(): boolean
  /** The server answers: do what has to be done before the link counts as up. */
  establish?(connection: Connection): Promise<void>
  up(connection: Connection): void
  down(cause: ServerEventsError): void
  /** An attempt to connect failed; the next one follows. */
  failed(error: ServerEventsError): void
  /** The credentials were refused and never accepted before; the link is idle until `open`. */
  refused(error: AuthError): void
}

const FIRST_DELAY = 50
const LONGEST_DELAY = 2_000

interface Attempt {
  client: Client | undefined
  place: string
  /** What the client told before it closed. */
  trouble: ServerEventsError | undefined
  answers: boolean
}

/**
 * Keeps one connection for one side: dials, waits until it answers, throws it away at the first
 * sign of its end and dials again. Every connection is a new client.
 */
export class Link {
  private current: Attempt | undefined
  private isUp = false
  private accepted = false
  private closed = false
  private failures = 0
  private lastPlace = 'an unknown address'
  private readonly discarding = new Set<Promise<void>>()
  private readonly connectTimer = new Timer(() => {
    const attempt = this.current
    if (attempt) this.lose(attempt, failedAt(attempt.place, `not ready within ${this.connectTimeout} ms`))
  })
  private readonly retryTimer = new Timer(() => this.attempt())

  constructor(
    private readonly role: RedisRole,
    private readonly dialer: Dialer,
    private readonly connectTimeout: number,
    private readonly side: Side,
  ) {}

  /** Where it connects to, or connected last. */
  get place(): string {
    return this.lastPlace
  }

  /** Connects if nothing does so already. */
  open(): void {
    if (this.closed) return
    if (!this.current && !this.retryTimer.armed) {
      this.attempt()
      return
    }
    this.retryTimer.hold(true)
    this.connectTimer.hold(true)
  }

  /** Gives a connection up, unless that has happened: it is replaced. */
  drop(connection: Connection, cause: ServerEventsError): void {
    const attempt = this.current
    if (attempt?.client === connection.client) this.lose(attempt, cause)
  }

  /** Resolves when its sockets have gone. */
  async close(): Promise<void> {
    this.closed = true
    this.connectTimer.clear()
    this.retryTimer.clear()
    this.release()
    await Promise.all(this.discarding)
  }

  private attempt(): void {
    const attempt: Attempt = { client: undefined, place: this.lastPlace, trouble: undefined, answers: false }
    this.current = attempt
    this.connectTimer.arm(this.connectTimeout, this.side.needed())
    void this.dialed().then(
      (client) => {
        if (this.current === attempt) this.adopt(attempt, client)
        else this.throwAway(client)
      },
      (error: unknown) => this.lose(attempt, failedAt(attempt.place, refusalToDial(error))),
    )
  }

  private async dialed(): Promise<Client> {
    return this.dialer.dial(this.role)
  }

  private adopt(attempt: Attempt, client: Client): void {
    attempt.client = client
    attempt.place = this.lastPlace = placeOf(client)
    const lost = (): void => {
      const cause = this.isUp
        ? new ConnectionError(`lost the connection to redis at ${attempt.place}`)
        : failedAt(attempt.place, 'closed by the server')
      this.lose(attempt, attempt.trouble ?? cause)
    }
    // It stays for ever: a client that was thrown away still emits, and without a listener prints.
    client.on('error', (error: unknown) => {
      const refused = authRefusal(error, attempt.place)
      if (refused) this.lose(attempt, refused)
      else attempt.trouble ??= failedAt(attempt.place, reason(error))
    })
    client.on('close', lost)
    client.on('end', lost)
    client.on('ready', () => void this.establish(attempt, client))
    if (isReady(client)) void this.establish(attempt, client)
    else if (client.status === 'wait' || client.status === undefined) client.connect?.().catch(() => undefined)
    else if (client.status === 'end') lost()
  }

  private async establish(attempt: Attempt, client: Client): Promise<void> {
    if (this.current !== attempt || attempt.answers) return
    attempt.answers = true
    attempt.trouble = undefined
    const connection: Connection = { client, place: attempt.place }
    try {
      // Without it ioredis calls a connection ready that has not even logged in.
      if (client.options?.['enableReadyCheck'] === false) await this.probe(attempt, client)
      await this.dialer.vet?.(client, attempt.place)
      if (this.current === attempt) await this.side.establish?.(connection)
    } catch (error) {
      const cause = error instanceof ServerEventsError ? error : failedAt(attempt.place, reason(error))
      this.lose(attempt, cause)
      return
    }
    if (this.current !== attempt) return
    this.connectTimer.clear()
    this.isUp = true
    this.accepted = true
    this.failures = 0
    this.side.up(connection)
  }

  /** Any answer will do, also that PING is forbidden; only credentials matter. */
  private async probe(attempt: Attempt, client: Client): Promise<void> {
    try {
      await client.ping()
    } catch (error) {
      const refused = authRefusal(error, attempt.place)
      if (refused) throw refused
    }
  }

  private lose(attempt: Attempt, cause: ServerEventsError): void {
    if (this.current !== attempt) return
    const wasUp = this.isUp
    this.connectTimer.clear()
    this.release()
    if (wasUp) this.side.down(cause)
    else if (cause instanceof AuthError && !this.accepted) {
      this.side.refused(cause)
      return
    } else this.side.failed(cause)
    // What was told may have closed us.
    if (!this.closed) this.retryTimer.arm(this.delay(), this.side.needed())
  }

  /** Exponential, with jitter of half, so that a fleet does not come back in step. */
  private delay(): number {
    const ceiling = Math.min(FIRST_DELAY * 2 ** this.failures++, LONGEST_DELAY)
    return Math.round(ceiling * (0.5 + Math.random() / 2))
  }

  private release(): void {
    const client = this.current?.client
    this.current = undefined
    this.isUp = false
    if (client) this.throwAway(client)
  }

  private throwAway(client: Client): void {
    client.on('error', () => undefined)
    const gone = discard(client)
    this.discarding.add(gone)
    void gone.then(() => this.discarding.delete(gone))
  }
}

/** Only what this package refuses says why in its own words; a RemoteError, say, has those of a stranger. */
function refusalToDial(error: unknown): string {
  return error instanceof InvalidArgumentError || error instanceof UnsupportedError
    ? error.message
    : `no client: ${reason(error)}`
}

function failedAt(place: string, what: string): ConnectionError {
  return new ConnectionError(`no connection to redis at ${place}: ${what}`)
}
