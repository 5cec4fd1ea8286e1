import type { ConnectionOptions, NatsConnection, Status } from '@nats-io/transport-node'
import { ConnectionError } from 'server-events'
import type { ServerEventsError, AuthError } from 'server-events'
import { closeClient, dropConnection, nextAttempt } from './client'
import { Attempt } from './dial'
import { authRefusal, failedAt, reason, violationOf } from './errors'
import type { Violation } from './errors'
import { placesOf } from './options'
import type { NatsClientOptions } from './options'
import { Timer } from './timer'

/** One connection, until its loss. Its identity is the epoch: what belongs to another one is stale. */
export interface Connection {
  /** Lives through many connections: it repairs them itself. */
  readonly client: NatsConnection
  /** Host and port. */
  readonly place: string
  /** Called at its end. A set and no promise, which would gather the reactions of all that ever raced it. */
  readonly onEnd: Set<() => void>
}

/** What a link serves. */
export interface Side {
  up(connection: Connection): void
  down(cause: ServerEventsError): void
  /** An attempt to connect failed; the next one follows. */
  failed(error: ServerEventsError): void
  /** The credentials were refused and never accepted before; the link is idle until `open`. */
  refused(error: AuthError): void
  /** The server refuses an operation of this connection. What it was asked after that is not answered yet. */
  violated(violation: Violation): void
}

const FIRST_DELAY = 50
const LONGEST_DELAY = 2_000
const MAX_TIMER = 2 ** 31 - 1

/** The client has no way not to ask for a PING. */
const never = MAX_TIMER

/** What is written to a client that is closing ends in at most this time. */
const CLOSING = 1_000

// Taken at load: fake timers replace it later.
const immediate = setImmediate

/**
 * The one connection of a transport. The first is tried for here, until it stands; from then on
 * the client repairs it, and this tells the sides what becomes of it.
 */
export class Link {
  private readonly options: ConnectionOptions
  private readonly sides: Side[] = []
  private attempt: Attempt | undefined
  private client: NatsConnection | undefined
  private connection: Connection | undefined
  private accepted = false
  private closed = false
  /** Attempts that failed since a connection stood last. */
  private failures = 0
  /** Attempts of the client to connect again. */
  private attempts = 0
  /** What was told of the connection before it ended, or of the attempt before it failed. */
  private trouble: ServerEventsError | undefined
  private lastPlace: string
  private readonly retryTimer = new Timer(() => this.dial())

  constructor(options: NatsClientOptions, heartbeat: number) {
    this.lastPlace = placesOf(options)
    this.options = {
      timeout: 10_000,
      // Else it makes an Error for each request, to have a stack.
      noAsyncTraces: true,
      ...options,
      reconnect: true,
      maxReconnectAttempts: -1,
      waitOnFirstConnect: false,
      ignoreAuthErrorAbort: true,
      reconnectDelayHandler: () => this.delay(),
      pingInterval: heartbeat === 0 ? never : heartbeat,
      maxPingOut: 1,
    }
  }

  /** Before `open`. What is told is told in the order of joining. */
  join(side: Side): void {
    this.sides.push(side)
  }

  /** The connection that stands. */
  get current(): Connection | undefined {
    return this.connection
  }

  /** Where it connects to, or connected last. */
  get place(): string {
    return this.lastPlace
  }

  /** There was a connection, and there is none now. */
  get isDown(): boolean {
    return this.accepted && !this.connection
  }

  /** Connects if nothing does so already. */
  open(): void {
    if (this.closed || this.client || this.attempt || this.retryTimer.armed) return
    this.dial()
  }

  /**
   * Resolves, with true, when the server has dealt with all that was written before: the client's
   * answer to a PING comes after every refusal, and those have been told. With false if the
   * connection is lost before.
   */
  async roundTrip(connection: Connection): Promise<boolean> {
    try {
      await connection.client.flush()
    } catch {
      return false
    }
    // The client tells refusals in promise reactions, which may come after those of its answer.
    await new Promise((resolve) => immediate(resolve))
    return this.connection === connection
  }

  /** Gives a connection up, unless that has happened: it is replaced. */
  drop(connection: Connection, cause: ServerEventsError): void {
    if (this.connection !== connection) return
    this.trouble = cause
    this.lose()
    dropConnection(connection.client)
  }

  /** Resolves when its sockets have gone. */
  async close(): Promise<void> {
    this.closed = true
    this.retryTimer.clear()
    const { attempt, client } = this
    const connected = this.connection !== undefined
    this.end()
    this.client = undefined
    attempt?.abort()
    if (client) await this.shut(client, connected)
    // Calling it off makes it fail, or it comes too late and is closed by `adopt`.
    await attempt?.client.catch(() => undefined)
  }

  private dial(): void {
    const attempt = new Attempt({ ...this.options })
    this.attempt = attempt
    attempt.client.then(
      (client) => this.adopt(client),
      (error: unknown) => this.missed(error),
    )
  }

  private adopt(client: NatsConnection): void {
    this.attempt = undefined
    if (this.closed) {
      void this.shut(client, true)
      return
    }
    this.accepted = true
    this.client = client
    void this.watch(client)
    this.stand(client)
  }

  private missed(error: unknown): void {
    this.attempt = undefined
    if (this.closed) return
    const refused = authRefusal(error, this.lastPlace)
    if (refused && !this.accepted) {
      for (const side of this.sides) side.refused(refused)
      return
    }
    this.fail(refused ?? failedAt(this.lastPlace, reason(error)))
    this.retry()
  }

  /** Unless what was told has closed us. */
  private retry(): void {
    if (!this.closed) this.retryTimer.arm(this.delay(), true)
  }

  private fail(error: ServerEventsError): void {
    this.failures++
    for (const side of this.sides) side.failed(error)
  }

  private async watch(client: NatsConnection): Promise<void> {
    for await (const status of client.status()) this.told(client, status)
    // It gave up, for example because a function among its options has thrown.
    if (this.closed || this.client !== client) return
    this.client = undefined
    this.lose()
    this.retry()
  }

  private told(client: NatsConnection, status: Status): void {
    if (this.client !== client) return
    switch (status.type) {
      case 'error':
        this.heard(status.error)
        break
      case 'staleConnection':
        this.trouble ??= new ConnectionError(
          `nats at ${this.lastPlace} did not answer PING: the connection is replaced`,
        )
        dropConnection(client)
        break
      case 'disconnect':
        if (this.connection) this.lose()
        else nextAttempt(client)
        break
      case 'reconnecting':
        this.reconnecting()
        break
      case 'reconnect':
        this.stand(client)
        break
      default:
        break
    }
  }

  private heard(error: Error): void {
    const violation = violationOf(error)
    if (violation) for (const side of this.sides) side.violated(violation)
    else this.trouble = authRefusal(error, this.lastPlace) ?? this.ended(reason(error))
  }

  private stand(client: NatsConnection): void {
    const connection: Connection = { client, place: client.getServer(), onEnd: new Set() }
    this.connection = connection
    this.lastPlace = connection.place
    this.failures = 0
    this.attempts = 0
    this.trouble = undefined
    for (const side of this.sides) side.up(connection)
  }

  private lose(): void {
    if (!this.connection) return
    this.end()
    const cause = this.trouble ?? new ConnectionError(`lost the connection to nats at ${this.lastPlace}`)
    this.trouble = undefined
    for (const side of this.sides) side.down(cause)
  }

  private end(): void {
    const { connection } = this
    this.connection = undefined
    for (const ended of connection?.onEnd ?? []) ended()
  }

  /** Told before each attempt, which is all that the client tells of the one before. */
  private reconnecting(): void {
    if (this.attempts++ === 0) return
    const { trouble } = this
    this.trouble = undefined
    this.fail(trouble ?? failedAt(this.lastPlace, 'it was tried again, in vain'))
  }

  private ended(what: string): ConnectionError {
    return new ConnectionError(`lost the connection to nats at ${this.lastPlace}: ${what}`)
  }

  /** Exponential, with jitter of half, so that a fleet does not come back in step. */
  private delay(): number {
    const ceiling = Math.min(FIRST_DELAY * 2 ** this.failures, LONGEST_DELAY)
    return Math.round(ceiling * (0.5 + Math.random() / 2))
  }

  private async shut(client: NatsConnection, connected: boolean): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSING)))
    await Promise.race([closeClient(client, connected).catch(() => undefined), late])
    clearTimeout(timer)
  }
}
