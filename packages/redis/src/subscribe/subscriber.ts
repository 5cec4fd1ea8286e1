import { AuthError, ConnectionError } from 'server-events'
import type { Receiver, ServerEventsError, Topic } from 'server-events'
import { DesiredTopic, Heartbeat } from 'server-events/transport-kit'
import { SubscribeCommands } from './commands'
import type { Wanted } from './commands'
import type { Modes } from '../wire/modes'
import { closedError, refusal } from '../errors'
import { DeliverOnce } from './deliver-once'
import type { Desired } from './deliver-once'
import { Link } from '../client/link'
import type { Connection, LinkHost } from '../client/link'
import type { RoleWatch } from '../client/role-watch'
import type { Settings } from '../options'
import type { Route } from '../wire/channels'
import type { Dialer } from '../client/dialer'

/** How many topics are asked for at a time when a connection is new, and how many keys one call names. */
const AT_A_TIME = 8_192

/** A topic that is desired, as Redis is asked for it. */
class Subscription extends DesiredTopic implements Wanted {
  readonly route: Route
  askedOn: Connection | undefined

  constructor(topic: Topic, route: Route, resolve: () => void, reject: (error: Error) => void) {
    super(topic, resolve, reject)
    this.route = route
  }
}

/** The subscribing side: keeps the desired topics, and restores them on every connection. */
export class Subscriber implements LinkHost {
  readonly #modes: Modes
  readonly #receiver: Receiver
  readonly #link: Link
  readonly #roles: RoleWatch
  readonly #heartbeat: Heartbeat<Connection>
  readonly #asking: SubscribeCommands<Subscription>
  readonly #desired: Desired<Subscription> = { channel: new Map(), pattern: new Map() }
  /** The connection that messages are taken from, also while topics are still being restored. */
  #connection: Connection | undefined
  #inbound = new DeliverOnce(this.#desired)
  #closed = false

  constructor(
    dialer: Dialer,
    { connectTimeout, heartbeat, subscribeTimeout }: Settings,
    modes: Modes,
    receiver: Receiver,
    roles: RoleWatch,
  ) {
    this.#modes = modes
    this.#receiver = receiver
    this.#roles = roles
    this.#link = new Link('subscribe', dialer, connectTimeout, this, roles)
    this.#heartbeat = new Heartbeat(heartbeat, {
      // That PING is forbidden is an answer too, of which the bytes tell.
      ping: ({ client }) => client.ping(),
      dead: (_, ms) => this.#drop(`did not answer PING within ${ms} ms`),
    })
    this.#asking = new SubscribeCommands(subscribeTimeout, {
      current: () => this.#connection,
      isCurrent: (subscription, connection) => this.#isCurrent(subscription, connection),
      confirm: (subscriptions) => this.#confirm(subscriptions),
      refuse: (...refused) => this.refuse(...refused),
      silent: (connection) => {
        if (this.#connection === connection) this.#drop(`did not answer a subscription within ${subscribeTimeout} ms`)
      },
    })
  }

  subscribe(topic: Topic): Promise<void> {
    if (this.#closed) return Promise.reject(closedError())
    return new Promise((resolve, reject) => {
      this.#modes.check(topic.name)
      const route = this.#modes.route(topic, this.#receiver)
      const subscription = new Subscription(topic, route, resolve, reject)
      for (const asked of route.asked) this.#desired[route.kind].set(asked, subscription)
      this.#link.open()
      // Also while others are being restored: those are the ones that were desired before.
      if (this.#connection) this.#asking.join(subscription)
    })
  }

  async unsubscribe(topic: Topic): Promise<void> {
    const { kind, asked } = this.#modes.route(topic, this.#receiver)
    const subscription = this.#desired[kind].get(asked[0] ?? '')
    if (!subscription) return
    const connection = this.#connection
    this.#forget(subscription)
    if (!connection || subscription.askedOn !== connection) return
    await this.#asking.leave(subscription.route)
  }

  async close(): Promise<void> {
    this.#closed = true
    const connection = this.#connection
    this.#leave(false)
    if (connection && !connection.client.stream) await this.#silence(connection)
    for (const subscription of this.#all()) subscription.reject(closedError())
    for (const kind of kinds) this.#desired[kind].clear()
    await this.#link.close()
  }

  needed(): boolean {
    return kinds.some((kind) => this.#desired[kind].size > 0)
  }

  async establish(connection: Connection): Promise<void> {
    const { client } = connection
    this.#connection = connection
    this.#inbound = new DeliverOnce(this.#desired)
    client.on('message', (channel: string, payload: string) => {
      if (this.#heard(connection)) this.#inbound.message(channel, payload)
    })
    client.on('pmessage', (pattern: string, channel: string, payload: string) => {
      if (this.#heard(connection)) this.#inbound.pmessage(pattern, channel, payload)
    })
    await this.restore(connection)
  }

  up(connection: Connection): void {
    this.#heartbeat.start(connection, connection.life)
    this.#roles.add('subscribe', connection, (cause) => this.#link.drop(connection, cause))
    this.#receiver.state('outputStore', true)
  }

  down(cause: ServerEventsError): void {
    this.#leave(true)
    this.#receiver.state('outputStore', false, cause)
  }

  failed(error: ServerEventsError): void {
    this.#leave(false)
    this.#receiver.error('outputStore', error)
  }

  refused({ message }: AuthError): void {
    this.#leave(false)
    // None of them ever stood: the server never let us in.
    for (const subscription of [...this.#all()]) {
      this.#forget(subscription)
      subscription.reject(new AuthError(message))
    }
  }

  /**
   * Resolves when all that is desired now is confirmed or refused. What is desired later is asked
   * for when it comes and settles by its own reply; to wait for that too would never end, if each
   * round trip brings more.
   */
  async restore(connection: Connection): Promise<void> {
    // Once each: one may have two patterns.
    const desired = [...new Set(this.#all())]
    for (const block of blocksOf(desired)) {
      // Some may have been given up since.
      const current = block.filter((subscription) => this.#isCurrent(subscription, connection))
      await this.#asking.ask(current, connection)
      if (this.#connection !== connection) return
    }
  }

  *#all(): Generator<Subscription> {
    for (const kind of kinds) yield* this.#desired[kind].values()
  }

  #isCurrent(subscription: Subscription, connection: Connection): boolean {
    const { kind, asked } = subscription.route
    return this.#connection === connection && this.#desired[kind].get(asked[0] ?? '') === subscription
  }

  #heard(connection: Connection): boolean {
    if (this.#connection !== connection) return false
    connection.life.heard()
    return true
  }

  #confirm(subscriptions: readonly Subscription[]): void {
    this.#connection?.life.heard()
    for (const subscription of subscriptions) {
      subscription.confirm()
      this.#inbound.stands(subscription)
    }
  }

  refuse(subscription: Subscription, connection: Connection, code: string): void {
    const { kind, asked } = subscription.route
    const command = kind === 'channel' ? 'SUBSCRIBE' : 'PSUBSCRIBE'
    const error = refusal(code, command, asked.join(' '), connection.place)
    // The credentials are not this topic's fault; it is asked for again when they are accepted.
    if (error instanceof AuthError) {
      this.#link.drop(connection, error)
      return
    }
    this.#forget(subscription)
    if (!subscription.reject(error)) this.#receiver.lost(subscription.topic, error)
  }

  #forget({ route }: Subscription): void {
    for (const asked of route.asked) this.#desired[route.kind].delete(asked)
  }

  #drop(what: string): void {
    if (!this.#connection) return
    const { place } = this.#connection
    this.#link.drop(this.#connection, new ConnectionError(`redis at ${place} ${what}: the connection is replaced`))
  }

  #leave(lost: boolean): void {
    this.#connection = undefined
    this.#heartbeat.stop(lost)
    this.#roles.remove('subscribe')
    this.#asking.reset()
  }

  /** ioredis-mock, which has no socket, goes on delivering to clients that have disconnected. */
  async #silence({ client }: Connection): Promise<void> {
    const { channel, pattern } = this.#desired
    for (const block of blocksOf([...channel.keys()])) await client.unsubscribe(...block).catch(() => undefined)
    for (const block of blocksOf([...pattern.keys()])) await client.punsubscribe(...block).catch(() => undefined)
  }
}

function* blocksOf<T>(all: readonly T[]): Generator<T[]> {
  for (let next = 0; next < all.length; next += AT_A_TIME) yield all.slice(next, next + AT_A_TIME)
}

const kinds: readonly Route['kind'][] = ['channel', 'pattern']
