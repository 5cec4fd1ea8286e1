import type { Args } from '../contract'
import type { ServerEventsError } from '../errors'
import { ClosedError, ConnectionError, SerializationError } from '../errors'
import type { EngineOptions } from '../options'
import { quoted } from '../text'
import type { EventKey, Message, Receiver, Store, Topic, Transport } from '../transport'
import { Clock } from './clock'
import { channels, dropped, lost, received } from './diagnostics'
import { Dispatch, isGarbage } from './dispatch'
import { fromConnection, fromTransport } from './from-transport'
import { Hold } from './hold'
import { Messages } from './messages'
import { Outbox } from './outbox'
import { Outgoing } from './shipment'
import { Reports } from './reports'
import type { Stats } from './stats'
import { StoreHealth } from './stores'
import { Topics, type TopicsHost } from './topics'
import { Waiting } from './waiting'

/** Puts the parts together, and is what a transport talks to. */
export class Engine implements Receiver {
  /** open; draining: no new waits; closing: no new emits either; closed. */
  phase: 'open' | 'draining' | 'closing' | 'closed' = 'open'
  readonly reports = new Reports()
  readonly hold = new Hold()
  readonly stores = { inputStore: new StoreHealth(), outputStore: new StoreHealth() }
  readonly outbox: Outbox
  readonly topics: Topics
  readonly waiting: Waiting
  readonly messages: Messages
  readonly #options: EngineOptions
  readonly #clock = new Clock()
  readonly dispatch: Dispatch
  /** No attempt to connect the subscribing side has succeeded yet, and one has failed. */
  #failing = false

  constructor(transport: Transport, options: EngineOptions) {
    this.#options = options
    this.messages = new Messages(options)
    this.dispatch = new Dispatch(this.messages, this.reports)
    this.outbox = new Outbox(transport, this.hold, (error) => {
      this.reports.error('inputStore', error)
    })
    this.topics = new Topics(transport, this.#topicsHost(), options.listen)
    this.waiting = new Waiting(transport.keeper, options, {
      clock: this.#clock,
      topics: this.topics,
      dispatch: this.dispatch,
      outputStore: this.stores.outputStore,
    })
    transport.attach(this)
  }

  stats(): Stats {
    return {
      pending: this.waiting.count,
      names: this.topics.size,
      queued: this.outbox.size,
      settled: { ...this.waiting.settled },
      inputStore: this.stores.inputStore.stats(),
      outputStore: this.stores.outputStore.stats(),
    }
  }

  #topicsHost(): TopicsHost {
    return {
      retry: this.#options.backstop,
      isOpen: () => this.phase !== 'closed',
      confirmed: (items) => {
        this.waiting.confirmed(items)
      },
      refused: (items, error) => {
        this.waiting.refused(items, error)
      },
      withdrawn: (error) => {
        this.#tell('outputStore', fromTransport(error))
      },
      settled: (name) => {
        this.outbox.settled(name)
      },
    }
  }

  // Emits

  emit(key: EventKey, args: Args): Promise<void> {
    const keep = this.#options.keepFor(key.name)
    return this.#send(new Outgoing(key, this.messages.event(key, args, keep > 0), keep))
  }

  fail(key: EventKey, error: unknown): Promise<void> {
    const keep = this.#options.keepFor(key.name)
    const { message, undataed } = this.messages.failure(key, error, keep > 0)
    if (undataed)
      this.reports.error(
        'inputStore',
        new SerializationError(
          `the data of a failure of ${quoted(key.name)} cannot travel, as JSON or within maxPayload: it was sent without`,
        ),
      )
    return this.#send(new Outgoing(key, message, keep))
  }

  #send(outgoing: Outgoing): Promise<void> {
    const { state } = this.stores.outputStore
    const mayHold = state === 'up' || (state === 'never' && !this.#failing)
    return this.outbox.send(outgoing, this.topics.find(outgoing.key.name), mayHold)
  }

  /** A first connection that fails is as good as a lost one: nothing is held for what may not come for long. */
  #unreachable(): void {
    this.#failing = true
    this.releaseHeld()
  }

  releaseHeld(): void {
    for (const name of this.topics.names()) this.outbox.releaseAll(name)
  }

  // Receiver

  wants({ name, id }: EventKey): boolean {
    return this.topics.find(name)?.wants(id) === true
  }

  deliver(key: EventKey, message: Message): void {
    const entry = this.topics.find(key.name)
    if (entry === undefined) return
    if (message.kept === false && this.#options.keepFor(key.name) > 0) this.dispatch.reportMismatch(key.name)
    if (channels.receive.hasSubscribers) {
      const listeners = message.kind === 'event' ? entry.listeners.size : 0
      const [waits, streams] = [entry.waits.of(key.id).length, entry.streams.of(key.id).length]
      received(key, message, 'event', { waits, streams, listeners })
    }
    this.waiting.deliver(entry, key, message)
    if (message.kind === 'event') this.dispatch.toListeners(key, message, entry.listeners)
  }

  state(store: Store, up: boolean, cause?: Error): void {
    if (this.phase === 'closed') return
    const health = this.stores[store]
    const now = this.#clock.now()
    if (up) {
      const first = health.state === 'never'
      health.up(now)
      if (store === 'outputStore' && !first) this.waiting.restored()
      if (channels.up.hasSubscribers) channels.up.publish({ store })
      this.reports.ready(store)
      return
    }
    health.down(now)
    if (store === 'outputStore') this.releaseHeld()
    const error = cause === undefined ? new ConnectionError('the connection was lost') : fromConnection(cause)
    if (channels.down.hasSubscribers) channels.down.publish({ store, error })
    this.#tell(store, error)
  }

  lost(topic: Topic, error: Error): void {
    if (this.phase === 'closed') return
    lost(topic, () => fromTransport(error))
    const entry = this.topics.find(topic.name)
    const subscription = topic.id === undefined ? entry?.whole : entry?.byId.get(topic.id)
    subscription?.lost(error)
  }

  error(store: Store, error: Error): void {
    if (this.phase === 'closed') return
    const wrapped = fromConnection(error)
    if (isGarbage(wrapped)) {
      dropped({}, wrapped)
      this.reports.once(wrapped.code, wrapped.message, store, () => wrapped)
      return
    }
    if (store === 'outputStore' && this.stores.outputStore.state === 'never') this.#unreachable()
    this.#tell(store, wrapped)
  }

  #tell(store: Store, error: ServerEventsError): void {
    this.stores[store].lastError = error
    this.reports.error(store, error)
  }

  /** Ends every wait, timer and subscription here. The transport is closed by the caller. */
  end(): void {
    this.phase = 'closed'
    this.waiting.close(() => new ClosedError())
    this.topics.close(new ClosedError())
    this.stores.inputStore.close()
    this.stores.outputStore.close()
  }
}
