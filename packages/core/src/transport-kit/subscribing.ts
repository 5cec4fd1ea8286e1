import { atEndOfTick } from '../base/end-of-tick'
import { AuthError, ConnectionError, SerializationError } from '../errors'
import type { ServerEventsError } from '../errors'
import type { EventKey, Message, Receiver, Topic } from '../transport'
import { DesiredTopic, DesiredTopics } from './desired'
import type { Connection } from './driver'
import { answerOf, eventOf, ours, TransientRefusal, troubleOf } from './errors'
import type { Reconnector, Side } from './reconnector'
import { call, Timer } from './timing'

/** How many topics are asked for at a time when a connection is new. */
const AT_A_TIME = 4_096

/** As long as something is heard, an answer may take so many times its time. */
const PATIENCE = 12

const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1_000

class Subscription extends DesiredTopic {
  /** Where it was asked for last. */
  askedOn: Connection | undefined
}

/** The subscribing side: keeps the desired topics, and restores them on every connection. */
export class Subscribing implements Side<Connection> {
  readonly #receiver: Receiver
  readonly #timeout: number
  readonly #closedError: () => Error
  readonly #desired: DesiredTopics<Subscription>
  #reconnector!: Reconnector<Connection>
  /** Where commands are written to, also while topics are still being restored. */
  #connection: Connection | undefined
  /** It counts as up for all sides. */
  #stands = false
  /** Somebody has subscribed: the receiver is told from then on. */
  #used = false
  #isUp = false
  #closed = false
  #fresh: Subscription[] = []
  /** Confirmed while topics are being restored: their `subscribe` resolves just before it is up. */
  #restored: Subscription[] = []
  /** What is asked and not answered on this connection, and what settles that. */
  readonly #asks = new Set<Promise<void>>()
  readonly #waiting = new Set<() => void>()

  /** `timeout` in ms, for an answer of the broker. */
  constructor(receiver: Receiver, timeout: number, closed: () => Error) {
    this.#receiver = receiver
    this.#timeout = timeout
    this.#closedError = closed
    this.#desired = new DesiredTopics((topic, error) => receiver.lost(topic, error))
  }

  /** Before anything else. */
  over(reconnector: Reconnector<Connection>): void {
    this.#reconnector = reconnector
  }

  subscribe(topic: Topic): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closedError())
    return new Promise((resolve, reject) => {
      const subscription = new Subscription(topic, resolve, reject)
      this.#desired.add(subscription)
      this.#used = true
      this.#fresh.push(subscription)
      if (this.#fresh.length === 1) atEndOfTick(() => this.#flush())
      this.#reconnector.open()
    })
  }

  async unsubscribe(topic: Topic): Promise<void> {
    const subscription = this.#desired.get(topic)
    const connection = this.#connection
    if (!subscription) return
    this.#desired.remove(subscription)
    if (!connection || subscription.askedOn !== connection) return
    await this.#answered(
      connection,
      call(() => connection.link.unsubscribe(topic)),
    )
  }

  close(): void {
    this.#closed = true
    this.#leave()
    this.#desired.end(this.#closedError)
  }

  /** What comes for a topic that nobody desires any more is dropped. */
  message(key: EventKey, read: () => Message | undefined): void {
    this.#connection?.life.heard()
    if (this.#closed || !this.#desired.covers(key) || !this.#receiver.wants(key)) return
    let message: Message | undefined
    try {
      message = read()
    } catch (error) {
      this.unreadable(
        ours(error) ?? new SerializationError(`a message of ${eventOf(key)} was dropped: it cannot be read`),
      )
      return
    }
    if (message) this.#receiver.deliver(key, message)
  }

  unreadable(error: Error): void {
    const told = ours(error) ?? new SerializationError('a message was dropped: it cannot be read')
    if (!this.#closed) this.#receiver.error('outputStore', told)
  }

  /** The broker takes a subscription away. */
  lost(topic: Topic, error: Error): void {
    const subscription = this.#desired.get(topic)
    if (subscription) this.#desired.refuse(subscription, troubleOf(error, this.#reconnector.at))
  }

  needed(): boolean {
    return this.#desired.size > 0
  }

  async establish(connection: Connection): Promise<void> {
    this.#connection = connection
    const desired = this.#desired.all()
    for (let next = 0; next < desired.length && this.#connection === connection; next += AT_A_TIME)
      await this.#ask(desired.slice(next, next + AT_A_TIME), connection)
    // What came to be desired meanwhile is on its way. Not for ever: each round trip may bring more.
    for (let round = 0; round < 2 && this.#asks.size > 0; round++) await Promise.all(this.#asks)
  }

  up(): void {
    this.#stands = true
    const restored = this.#restored
    this.#restored = []
    for (const one of restored) if (this.#desired.has(one)) one.confirm()
    this.#tellUp()
  }

  down(cause: ServerEventsError): void {
    this.#leave()
    if (!this.#isUp) return
    this.#isUp = false
    this.#receiver.state('outputStore', false, cause)
  }

  failed(error: ServerEventsError): void {
    this.#leave()
    if (this.#used) this.#receiver.error('outputStore', error)
  }

  refused({ message }: AuthError): void {
    this.#leave()
    // None of them ever stood: the broker never let us in.
    this.#desired.end(() => new AuthError(message))
  }

  #leave(): void {
    this.#connection = undefined
    this.#stands = false
    this.#fresh = []
    this.#restored = []
    for (const settle of this.#waiting) settle()
  }

  /** Called when all that was desired when the broker answered is confirmed. */
  #tellUp(): void {
    if (!this.#stands || !this.#used || this.#isUp) return
    this.#isUp = true
    this.#receiver.state('outputStore', true)
  }

  #flush(): void {
    const connection = this.#connection
    const fresh = this.#fresh.filter((one) => this.#desired.has(one) && one.askedOn !== connection)
    this.#fresh = []
    if (connection && fresh.length > 0) void this.#ask(fresh, connection)
  }

  /** Settles when the broker has answered each, in whatever way, or when the connection is lost. */
  #ask(subscriptions: readonly Subscription[], connection: Connection): Promise<void> {
    const asked = subscriptions.filter((one) => this.#desired.has(one))
    let left = asked.length
    const answered = (): void => {
      if (--left === 0 && this.#connection === connection) this.#tellUp()
    }
    const answers = asked.map((one) => {
      one.askedOn = connection
      return this.#askOne(one, connection, answered)
    })
    const all = this.#answered(connection, Promise.all(answers))
    this.#asks.add(all)
    void all.then(() => this.#asks.delete(all))
    return all
  }

  async #askOne(subscription: Subscription, connection: Connection, answered: () => void): Promise<void> {
    const isCurrent = (): boolean => this.#connection === connection && this.#desired.has(subscription)
    for (let pause = FIRST_PAUSE; isCurrent(); pause = Math.min(2 * pause, LONGEST_PAUSE))
      try {
        await call(() => connection.link.subscribe(subscription.topic))
        connection.life.heard()
        if (!isCurrent()) break
        if (this.#stands) subscription.confirm()
        else this.#restored.push(subscription)
        break
      } catch (error) {
        if (!isCurrent()) break
        if (!(error instanceof TransientRefusal)) {
          this.#refuse(subscription, connection, error)
          break
        }
        connection.life.heard()
        await new Promise((resolve) => setTimeout(resolve, pause).unref())
      }
    answered()
  }

  #refuse(subscription: Subscription, connection: Connection, error: unknown): void {
    const answer = answerOf(error)
    // Credentials are not this topic's fault: it is asked for again when they are accepted.
    if (!answer || answer instanceof AuthError) {
      this.#reconnector.drop(connection, troubleOf(error, connection.at))
      return
    }
    connection.life.heard()
    this.#desired.refuse(subscription, answer)
  }

  /**
   * Waits for an answer, whatever it says. Without one in its time the connection is replaced,
   * which settles it too; but it may come behind a message that takes long to arrive.
   */
  #answered(connection: Connection, answer: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      let { count } = connection.life
      let patience = PATIENCE
      const timer = new Timer(() => {
        const before = count
        count = connection.life.count
        if (count !== before && patience-- > 0) timer.arm(this.#timeout, true)
        else this.#giveUp(connection)
      })
      const settle = (): void => {
        timer.clear()
        this.#waiting.delete(settle)
        resolve()
      }
      this.#waiting.add(settle)
      timer.arm(this.#timeout, true)
      answer.then(settle, settle)
    })
  }

  #giveUp(connection: Connection): void {
    const cause = `${connection.at} did not answer a subscription within ${this.#timeout} ms: the connection is replaced`
    this.#reconnector.drop(connection, new ConnectionError(cause))
  }
}
