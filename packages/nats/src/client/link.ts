import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node'
import { ConnectionError } from 'server-events'
import type { EventKey, Message, ServerEventsError, Topic } from 'server-events'
import { atEndOfTick } from 'server-events/transport-kit'
import type { Link, LinkEvents, LinkStore } from 'server-events/transport-kit'
import { authRefusal, forbidden, reason, tooLarge, violationOf } from '../errors'
import type { Violation } from '../errors'
import type { Settings } from '../options'
import { Bucket } from '../store/bucket'
import { headersOfReceived } from '../wire/headers'
import { decode, encode, unreadable } from '../wire/messages'
import { idOf, subjectOf, subjectsOf } from '../wire/subjects'
import type { Dialed } from './dial'

// Taken at load: fake timers replace it later.
const immediate = setImmediate

/** What is asked in one tick: one PING behind it, whose answer comes after every refusal. */
class Round {
  readonly answered: Promise<void>
  /** What was refused while it was under way, as `textOf` says. */
  readonly refused = new Set<string>()

  constructor(client: NatsConnection, sent: () => void, over: () => void) {
    this.answered = this.#run(client, sent).finally(over)
    // Who asks hears of it, and nobody else.
    this.answered.catch(() => undefined)
  }

  async #run(client: NatsConnection, sent: () => void): Promise<void> {
    await new Promise<void>(atEndOfTick)
    sent()
    await client.flush()
    // The client tells refusals in promise reactions, which may come after those of its answer.
    await new Promise((resolve) => immediate(resolve))
  }
}

/** One connection of the NATS client. */
export class NatsLink implements Link {
  readonly store?: LinkStore
  readonly #client: NatsConnection
  readonly #socket: Socket | undefined
  readonly #place: string
  readonly #prefix: string
  readonly #events: LinkEvents
  /** Of this tick, and all that are not answered. */
  #round: Round | undefined
  #rounds: Round[] = []
  /** By subject. Those of `asking` are not confirmed yet. */
  readonly #subscriptions = new Map<string, { readonly topic: Topic; readonly handle: Subscription }>()
  readonly #asking = new Set<string>()
  /**
   * All subscriptions of this connection are one queue group, and nobody else's are in it: of a
   * name and of an id that both cover a message, the server chooses one, so that it comes once.
   */
  readonly #queue = `se-${randomUUID()}`
  /** What the server has said of its trouble with this connection. */
  #trouble: ServerEventsError | undefined

  /** `changed` is called when the server tells of other servers. */
  constructor({ client, socket }: Dialed, place: string, settings: Settings, events: LinkEvents, changed: () => void) {
    this.#client = client
    this.#socket = socket
    this.#place = place
    this.#prefix = settings.prefix
    this.#events = events
    if (settings.bucket !== false)
      this.store = new Bucket(settings.bucket, client, () => this.bytesRead(), place, settings)
    void this.#watch(changed)
    void client.closed().then((error) => events.ended(this.#trouble ?? (error ? this.#lost(error) : undefined)))
  }

  async publish(key: EventKey, message: Message): Promise<void> {
    const subject = subjectOf(this.#prefix, key)
    const { data, headers } = encode(message)
    try {
      this.#client.publish(subject, data, { headers })
    } catch (error) {
      throw tooLarge(error, key, this.#place, this.#client.info?.max_payload) ?? error
    }
    await this.#answered({ operation: 'publish', subject })
  }

  async subscribe(topic: Topic): Promise<void> {
    const subject = subjectsOf(this.#prefix, topic)
    const handle = this.#client.subscribe(subject, {
      queue: this.#queue,
      callback: (error, message) => {
        if (!error) this.#hear(topic, message)
      },
    })
    this.#subscriptions.set(subject, { topic, handle })
    this.#asking.add(subject)
    try {
      await this.#answered({ operation: 'subscription', subject })
    } catch (error) {
      this.#subscriptions.delete(subject)
      throw error
    } finally {
      this.#asking.delete(subject)
    }
  }

  /** Until the server has answered, what it chose this one for still comes here, and may be for another topic. */
  async unsubscribe(topic: Topic): Promise<void> {
    const subject = subjectsOf(this.#prefix, topic)
    const subscription = this.#subscriptions.get(subject)
    this.#subscriptions.delete(subject)
    if (subscription && !subscription.handle.isClosed()) await subscription.handle.drain()
  }

  ping(): Promise<void> {
    return this.#client.flush()
  }

  /** The client itself counts only messages that have come whole. */
  bytesRead(): number {
    return this.#socket?.bytesRead ?? 0
  }

  /** Its own `close` first waits until all that was written has left, which with a peer that reads nothing is never. */
  close(): Promise<void> {
    this.#socket?.destroy()
    return this.#client.close()
  }

  async #answered(asked: Violation): Promise<void> {
    const round = (this.#round ??= this.#begin())
    await round.answered
    if (round.refused.has(textOf(asked))) throw forbidden(asked, this.#place)
  }

  #begin(): Round {
    const round: Round = new Round(
      this.#client,
      () => (this.#round = undefined),
      () => (this.#rounds = this.#rounds.filter((one) => one !== round)),
    )
    this.#rounds.push(round)
    return round
  }

  async #watch(changed: () => void): Promise<void> {
    for await (const status of this.#client.status())
      if (status.type === 'error') this.#told(status.error)
      else if (status.type === 'update') changed()
  }

  #told(error: Error): void {
    const violation = violationOf(error)
    if (violation) this.#refuse(violation)
    else this.#trouble = authRefusal(error, this.#place) ?? this.#lost(error)
  }

  #refuse(violation: Violation): void {
    const { operation, subject } = violation
    for (const round of this.#rounds) round.refused.add(textOf(violation))
    const stood = this.#subscriptions.get(subject)
    if (operation !== 'subscription' || !stood || this.#asking.has(subject)) return
    this.#subscriptions.delete(subject)
    this.#events.refused(stood.topic, forbidden(violation, this.#place))
  }

  #hear(topic: Topic, message: Msg): void {
    const { name, id = idOf(this.#prefix, name, message.subject) } = topic
    if (id === null) return
    if (id === undefined) this.#events.unreadable(unreadable(name))
    else this.#events.message({ name, id }, () => decode(name, message.data, headersOfReceived(message)))
  }

  #lost(error: Error): ConnectionError {
    return new ConnectionError(`lost the connection to nats at ${this.#place}: ${reason(error)}`)
  }
}

function textOf({ operation, subject }: Violation): string {
  return `${operation} ${subject}`
}
