import { AuthError, ClosedError, ConnectionError } from 'server-events'
import type { Receiver, ServerEventsError, Topic } from 'server-events'
import type { Dialect, Route } from './dialect'
import { refusal, replyCode } from './errors'
import { Heartbeat } from './heartbeat'
import { Link } from './link'
import type { Connection, Side } from './link'
import type { Settings } from './options'
import type { Dialer } from './source'
import { Timer } from './timer'

/** How many topics are asked for at a time when a connection is new. */
const BATCH = 256

/** A topic that is desired. */
interface Subscription {
  readonly name: string
  readonly routes: readonly Route[]
  /** Where it was asked for last. */
  askedOn: Connection | undefined
  /** While `subscribe` is pending. */
  pending: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined
}

/** The subscribing side: keeps the desired topics, and restores them on every connection. */
export class Subscriber implements Side {
  private readonly link: Link
  private readonly heartbeat: Heartbeat
  private readonly desired = new Map<string, Subscription>()
  private readonly routes = new Map<string, Route>()
  /** The connection that messages are taken from, also while topics are still being restored. */
  private connection: Connection | undefined
  private isUp = false
  private closed = false
  /** Settles what waits for an answer of this connection. */
  private readonly unanswered = new Set<() => void>()

  constructor(
    dialer: Dialer,
    private readonly settings: Settings,
    private readonly dialect: Dialect,
    private readonly receiver: Receiver,
  ) {
    this.link = new Link('subscribe', dialer, settings.connectTimeout, this)
    this.heartbeat = new Heartbeat(settings.heartbeat, () =>
      this.drop(`did not answer PING within ${settings.heartbeat} ms`),
    )
  }

  subscribe({ name }: Topic): Promise<void> {
    if (this.closed) return Promise.reject(new ClosedError('this RedisTransport is closed'))
    return new Promise((resolve, reject) => {
      const routes = this.dialect.routes(name, this.receiver)
      const subscription: Subscription = { name, routes, askedOn: undefined, pending: { resolve, reject } }
      this.desired.set(name, subscription)
      for (const route of routes) this.routes.set(route.pattern, route)
      this.link.open()
      // While topics are being restored, the loop there finds it.
      if (this.isUp && this.connection) void this.ask(subscription, this.connection, true)
    })
  }

  async unsubscribe({ name }: Topic): Promise<void> {
    const subscription = this.desired.get(name)
    if (!subscription) return
    const { connection } = this
    this.forget(subscription)
    if (!connection || subscription.askedOn !== connection) return
    await this.answered(connection, connection.client.punsubscribe(...patternsOf(subscription)))
  }

  async close(): Promise<void> {
    this.closed = true
    const { connection } = this
    this.leave()
    // ioredis-mock, which has no socket, goes on delivering to clients that have disconnected.
    if (connection && !connection.client.stream && this.routes.size > 0)
      await connection.client.punsubscribe(...this.routes.keys()).catch(() => undefined)
    for (const { pending } of this.desired.values()) pending?.reject(new ClosedError('this RedisTransport is closed'))
    this.desired.clear()
    this.routes.clear()
    await this.link.close()
  }

  needed(): boolean {
    return this.desired.size > 0
  }

  async establish(connection: Connection): Promise<void> {
    const { client } = connection
    this.connection = connection
    client.on('pmessage', (pattern: string, channel: string, payload: string) => {
      if (this.connection !== connection) return
      this.heartbeat.heard()
      this.routes.get(pattern)?.read(channel, payload)
    })
    for (;;) {
      const unasked = this.unasked(connection).slice(0, BATCH)
      if (unasked.length === 0) return
      client.stream?.cork()
      const answers = unasked.map((subscription) => this.ask(subscription, connection, false))
      client.stream?.uncork()
      await Promise.all(answers)
      if (this.connection !== connection) return
    }
  }

  up(connection: Connection): void {
    this.isUp = true
    this.heartbeat.start(connection.client)
    // Desired since the loop looked last.
    for (const subscription of this.unasked(connection)) void this.ask(subscription, connection, true)
    this.receiver.state('outputStore', true)
  }

  down(cause: ServerEventsError): void {
    this.leave()
    this.receiver.state('outputStore', false, cause)
  }

  failed(error: ServerEventsError): void {
    this.leave()
    this.receiver.error('outputStore', error)
  }

  refused({ message }: AuthError): void {
    this.leave()
    // None of them ever stood: the server never let us in.
    for (const subscription of [...this.desired.values()]) {
      this.forget(subscription)
      subscription.pending?.reject(new AuthError(message))
    }
  }

  /** Resolves when the server has answered, in whatever way; never if the connection is lost before. */
  private ask(subscription: Subscription, connection: Connection, bounded: boolean): Promise<void> {
    subscription.askedOn = connection
    const patterns = patternsOf(subscription)
    const answer = connection.client.psubscribe(...patterns).then(
      () => {
        if (this.isCurrent(subscription, connection)) this.confirm(subscription)
      },
      (error: unknown) => {
        const code = replyCode(error)
        // Not an answer: the next connection asks again.
        if (code === undefined) return
        if (this.isCurrent(subscription, connection)) this.refuse(subscription, connection, code, patterns.join(' '))
      },
    )
    return bounded ? this.answered(connection, answer) : answer
  }

  private unasked(connection: Connection): Subscription[] {
    return [...this.desired.values()].filter(({ askedOn }) => askedOn !== connection)
  }

  private isCurrent(subscription: Subscription, connection: Connection): boolean {
    return this.connection === connection && this.desired.get(subscription.name) === subscription
  }

  private confirm(subscription: Subscription): void {
    this.heartbeat.heard()
    subscription.pending?.resolve()
    subscription.pending = undefined
  }

  private refuse(subscription: Subscription, connection: Connection, code: string, channel: string): void {
    const error = refusal(code, 'PSUBSCRIBE', channel, connection.place)
    // The credentials are not this topic's fault; it is asked for again when they are accepted.
    if (error instanceof AuthError) {
      this.link.drop(connection, error)
      return
    }
    this.forget(subscription)
    if (subscription.pending) subscription.pending.reject(error)
    else this.receiver.lost({ name: subscription.name }, error)
  }

  private forget({ name, routes }: Subscription): void {
    this.desired.delete(name)
    for (const { pattern } of routes) this.routes.delete(pattern)
  }

  /** Waits for an answer, whatever it says; without one in time the connection is replaced, which settles it too. */
  private answered(connection: Connection, answer: Promise<unknown>): Promise<void> {
    const { subscribeTimeout } = this.settings
    return new Promise((resolve) => {
      const timer = new Timer(() => {
        if (this.connection === connection) this.drop(`did not answer a subscription within ${subscribeTimeout} ms`)
      })
      const settle = (): void => {
        timer.clear()
        this.unanswered.delete(settle)
        resolve()
      }
      this.unanswered.add(settle)
      timer.arm(subscribeTimeout, true)
      answer.then(settle, settle)
    })
  }

  private drop(what: string): void {
    if (!this.connection) return
    const { place } = this.connection
    this.link.drop(this.connection, new ConnectionError(`redis at ${place} ${what}: the connection is replaced`))
  }

  private leave(): void {
    this.connection = undefined
    this.isUp = false
    this.heartbeat.stop()
    for (const settle of this.unanswered) settle()
  }
}

function patternsOf({ routes }: Subscription): string[] {
  return routes.map(({ pattern }) => pattern)
}
