import { randomUUID } from 'node:crypto'
import type { Msg, NatsConnection, Subscription as Handle } from '@nats-io/transport-node'
import { AuthError, ClosedError, ConnectionError } from 'server-events'
import type { Message, Receiver, ServerEventsError, Topic } from 'server-events'
import { bounded } from './bounded'
import { forbidden } from './errors'
import type { Violation } from './errors'
import type { Connection, Link, Side } from './link'
import type { Settings } from './options'
import { idOf, subjectsOf } from './subjects'
import { decode, unreadable } from './wire'

// Taken at load: fake timers replace it later.
const nextTick = process.nextTick.bind(process)

/** A topic that is desired. */
interface Subscription {
  readonly topic: Topic
  readonly subject: string
  /** The subject of all of its name. */
  readonly whole: string
  /** The client asks for it again on each of its connections, as long as this is open. */
  handle: Handle | undefined
  client: NatsConnection | undefined
  /** The connection on which the server has confirmed it. */
  confirmedOn: Connection | undefined
  /** While `subscribe` is pending. */
  pending: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined
}

/** The subscribing side: keeps the desired topics, and tells when they are restored. */
export class Subscriber implements Side {
  private readonly desired = new Map<string, Subscription>()
  /**
   * All subscriptions of this transport are one queue group, and nobody else's are in it: of a
   * name and of an id that both cover a message, the server chooses one, so that it comes once.
   */
  private readonly queue = `se-${randomUUID()}`
  private connection: Connection | undefined
  /** Asked for in this tick: they share a round trip. */
  private fresh: Subscription[] = []
  private used = false
  private isUp = false
  private closed = false

  constructor(
    private readonly link: Link,
    private readonly settings: Settings,
    private readonly receiver: Receiver,
  ) {
    link.join(this)
  }

  subscribe(topic: Topic): Promise<void> {
    if (this.closed) return Promise.reject(closedError())
    return new Promise((resolve, reject) => {
      const subscription: Subscription = {
        topic,
        subject: subjectsOf(this.settings.prefix, topic),
        whole: subjectsOf(this.settings.prefix, { name: topic.name }),
        handle: undefined,
        client: undefined,
        confirmedOn: undefined,
        pending: { resolve, reject },
      }
      this.desired.set(subscription.subject, subscription)
      this.used = true
      this.link.open()
      if (this.connection) this.ask(subscription, this.connection)
    })
  }

  async unsubscribe(topic: Topic): Promise<void> {
    const subscription = this.desired.get(subjectsOf(this.settings.prefix, topic))
    if (!subscription) return
    this.desired.delete(subscription.subject)
    const { handle } = subscription
    const { connection } = this
    if (!handle || handle.isClosed()) return
    if (!connection) {
      handle.unsubscribe()
      return
    }
    // Until the server has answered, what it chose this one for still comes here, and may be for another topic.
    await this.answered(connection, handle.drain())
  }

  close(): void {
    this.closed = true
    this.connection = undefined
    for (const { pending } of this.desired.values()) pending?.reject(closedError())
    this.desired.clear()
  }

  up(connection: Connection): void {
    this.connection = connection
    if (!this.used) return
    for (const subscription of this.desired.values()) this.ask(subscription, connection)
    if (this.desired.size === 0) void this.confirm(connection, [])
  }

  down(cause: ServerEventsError): void {
    this.connection = undefined
    this.fresh = []
    if (!this.isUp) return
    this.isUp = false
    this.receiver.state('outputStore', false, cause)
  }

  failed(error: ServerEventsError): void {
    if (this.used) this.receiver.error('outputStore', error)
  }

  refused({ message }: AuthError): void {
    // None of them ever stood: the server never let us in.
    const all = [...this.desired.values()]
    this.desired.clear()
    for (const { pending } of all) pending?.reject(new AuthError(message))
  }

  violated(violation: Violation): void {
    const subscription = this.desired.get(violation.subject)
    if (!subscription || violation.operation !== 'subscription') return
    const error = forbidden(violation, this.link.place)
    this.desired.delete(subscription.subject)
    subscription.handle?.unsubscribe()
    if (subscription.pending) subscription.pending.reject(error)
    else this.receiver.lost(subscription.topic, error)
  }

  private ask(subscription: Subscription, connection: Connection): void {
    const { client } = connection
    // The client has asked for those it knows.
    if (subscription.client !== client || !subscription.handle || subscription.handle.isClosed()) {
      subscription.client = client
      subscription.handle = client.subscribe(subscription.subject, {
        queue: this.queue,
        callback: (error, message) => {
          if (!error) this.hear(subscription, message)
        },
      })
    }
    this.fresh.push(subscription)
    if (this.fresh.length === 1) void Promise.resolve().then(() => nextTick(() => this.flush()))
  }

  private flush(): void {
    const asked = this.fresh
    this.fresh = []
    if (this.connection && asked.length > 0) void this.confirm(this.connection, asked)
  }

  private async confirm(connection: Connection, asked: readonly Subscription[]): Promise<void> {
    const confirmed = await this.answered(connection, this.link.roundTrip(connection))
    if (!confirmed || this.connection !== connection) return
    for (const subscription of asked) {
      if (this.desired.get(subscription.subject) !== subscription) continue
      subscription.confirmedOn = connection
      subscription.pending?.resolve()
      subscription.pending = undefined
    }
    if (this.isUp) return
    for (const { confirmedOn } of this.desired.values()) if (confirmedOn !== connection) return
    this.isUp = true
    this.receiver.state('outputStore', true)
  }

  /** Resolves with what was answered; with `undefined` if the connection was lost, or if it is given up for want of an answer. */
  private async answered<T>(connection: Connection, answer: Promise<T>): Promise<T | undefined> {
    const { subscribeTimeout } = this.settings
    try {
      return await bounded(connection, answer, subscribeTimeout)
    } catch {
      this.link.drop(
        connection,
        new ConnectionError(
          `nats at ${connection.place} did not answer a subscription within ${subscribeTimeout} ms: ` +
            'the connection is replaced',
        ),
      )
      return undefined
    }
  }

  private hear({ topic, whole }: Subscription, { subject, data, headers }: Msg): void {
    // What comes for a topic that was given up may be for another one.
    if (!this.desired.has(subject) && !this.desired.has(whole)) return
    const { name, id = idOf(subject) } = topic
    if (id === undefined) {
      this.receiver.error('outputStore', unreadable(name))
      return
    }
    const key = { name, id }
    if (!this.receiver.wants(key)) return
    let message: Message
    try {
      message = decode(name, data, headers)
    } catch (error) {
      this.receiver.error('outputStore', error as Error)
      return
    }
    this.receiver.deliver(key, message)
  }
}

function closedError(): ClosedError {
  return new ClosedError('this NatsTransport is closed')
}
