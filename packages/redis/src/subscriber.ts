import { AuthError, ClosedError, ConnectionError } from 'server-events'
import type { Receiver, ServerEventsError, Topic } from 'server-events'
import { Asking } from './asking'
import type { Wish } from './asking'
import type { Dialect } from './dialect'
import { refusal } from './errors'
import { Heartbeat } from './heartbeat'
import { Inbound } from './inbound'
import type { Desired } from './inbound'
import { Link } from './link'
import type { Connection, Side } from './link'
import type { Settings } from './options'
import type { Route } from './routes'
import type { Dialer } from './source'

/** How many topics are asked for at a time when a connection is new, and how many keys one call names. */
const AT_A_TIME = 8_192

/** A topic that is desired. */
interface Subscription extends Wish {
  readonly topic: Topic
  /** While `subscribe` is pending. */
  pending: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined
}

/** The subscribing side: keeps the desired topics, and restores them on every connection. */
export class Subscriber implements Side {
  private readonly link: Link
  private readonly heartbeat: Heartbeat
  private readonly asking: Asking<Subscription>
  private readonly desired: Desired<Subscription> = { channel: new Map(), pattern: new Map() }
  /** The connection that messages are taken from, also while topics are still being restored. */
  private connection: Connection | undefined
  private inbound = new Inbound(this.desired)
  private closed = false

  constructor(
    dialer: Dialer,
    { connectTimeout, heartbeat, subscribeTimeout }: Settings,
    private readonly dialect: Dialect,
    private readonly receiver: Receiver,
  ) {
    this.link = new Link('subscribe', dialer, connectTimeout, this)
    this.heartbeat = new Heartbeat(heartbeat, () => this.drop(`did not answer PING within ${heartbeat} ms`))
    this.asking = new Asking(subscribeTimeout, {
      current: () => this.connection,
      isCurrent: (subscription, connection) => this.isCurrent(subscription, connection),
      confirm: (subscriptions) => this.confirm(subscriptions),
      refuse: (...refused) => this.refuse(...refused),
      silent: (connection) => {
        if (this.connection === connection) this.drop(`did not answer a subscription within ${subscribeTimeout} ms`)
      },
    })
  }

  subscribe(topic: Topic): Promise<void> {
    if (this.closed) return Promise.reject(new ClosedError('this RedisTransport is closed'))
    return new Promise((resolve, reject) => {
      this.dialect.check(topic.name)
      const route = this.dialect.route(topic, this.receiver)
      const subscription: Subscription = { topic, route, askedOn: undefined, pending: { resolve, reject } }
      for (const asked of route.asked) this.desired[route.kind].set(asked, subscription)
      this.link.open()
      // Also while others are being restored: those are the ones that were desired before.
      if (this.connection) this.asking.join(subscription)
    })
  }

  async unsubscribe(topic: Topic): Promise<void> {
    const { kind, asked } = this.dialect.route(topic, this.receiver)
    const subscription = this.desired[kind].get(asked[0] ?? '')
    if (!subscription) return
    const { connection } = this
    this.forget(subscription)
    if (!connection || subscription.askedOn !== connection) return
    await this.asking.leave(subscription.route)
  }

  async close(): Promise<void> {
    this.closed = true
    const { connection } = this
    this.leave()
    if (connection && !connection.client.stream) await this.silence(connection)
    for (const { pending } of this.all()) pending?.reject(new ClosedError('this RedisTransport is closed'))
    for (const kind of kinds) this.desired[kind].clear()
    await this.link.close()
  }

  needed(): boolean {
    return kinds.some((kind) => this.desired[kind].size > 0)
  }

  async establish(connection: Connection): Promise<void> {
    const { client } = connection
    this.connection = connection
    this.inbound = new Inbound(this.desired)
    client.on('message', (channel: string, payload: string) => {
      if (this.heard(connection)) this.inbound.message(channel, payload)
    })
    client.on('pmessage', (pattern: string, channel: string, payload: string) => {
      if (this.heard(connection)) this.inbound.pmessage(pattern, channel, payload)
    })
    await this.restore(connection)
  }

  up(connection: Connection): void {
    this.heartbeat.start(connection.client)
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
    for (const subscription of [...this.all()]) {
      this.forget(subscription)
      subscription.pending?.reject(new AuthError(message))
    }
  }

  /**
   * Resolves when all that is desired now is confirmed or refused. What is desired later is asked
   * for when it comes and settles by its own reply; to wait for that too would never end, if each
   * round trip brings more.
   */
  private async restore(connection: Connection): Promise<void> {
    // Once each: one may have two patterns.
    const desired = [...new Set(this.all())]
    for (const block of blocksOf(desired)) {
      // Some may have been given up since.
      const current = block.filter((subscription) => this.isCurrent(subscription, connection))
      await this.asking.ask(current, connection)
      if (this.connection !== connection) return
    }
  }

  private *all(): Generator<Subscription> {
    for (const kind of kinds) yield* this.desired[kind].values()
  }

  private isCurrent(subscription: Subscription, connection: Connection): boolean {
    const { kind, asked } = subscription.route
    return this.connection === connection && this.desired[kind].get(asked[0] ?? '') === subscription
  }

  private heard(connection: Connection): boolean {
    if (this.connection !== connection) return false
    this.heartbeat.heard()
    return true
  }

  private confirm(subscriptions: readonly Subscription[]): void {
    this.heartbeat.heard()
    for (const subscription of subscriptions) {
      subscription.pending?.resolve()
      subscription.pending = undefined
      this.inbound.stands(subscription)
    }
  }

  private refuse(subscription: Subscription, connection: Connection, code: string): void {
    const { kind, asked } = subscription.route
    const command = kind === 'channel' ? 'SUBSCRIBE' : 'PSUBSCRIBE'
    const error = refusal(code, command, asked.join(' '), connection.place)
    // The credentials are not this topic's fault; it is asked for again when they are accepted.
    if (error instanceof AuthError) {
      this.link.drop(connection, error)
      return
    }
    this.forget(subscription)
    if (subscription.pending) subscription.pending.reject(error)
    else this.receiver.lost(subscription.topic, error)
  }

  private forget({ route }: Subscription): void {
    for (const asked of route.asked) this.desired[route.kind].delete(asked)
  }

  private drop(what: string): void {
    if (!this.connection) return
    const { place } = this.connection
    this.link.drop(this.connection, new ConnectionError(`redis at ${place} ${what}: the connection is replaced`))
  }

  private leave(): void {
    this.connection = undefined
    this.heartbeat.stop()
    this.asking.reset()
  }

  /** ioredis-mock, which has no socket, goes on delivering to clients that have disconnected. */
  private async silence({ client }: Connection): Promise<void> {
    const { channel, pattern } = this.desired
    for (const block of blocksOf([...channel.keys()])) await client.unsubscribe(...block).catch(() => undefined)
    for (const block of blocksOf([...pattern.keys()])) await client.punsubscribe(...block).catch(() => undefined)
  }
}

function* blocksOf<T>(all: readonly T[]): Generator<T[]> {
  for (let next = 0; next < all.length; next += AT_A_TIME) yield all.slice(next, next + AT_A_TIME)
}

const kinds: readonly Route['kind'][] = ['channel', 'pattern']
