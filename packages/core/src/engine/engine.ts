import type { Args } from '../contract'
import type { ServerEventsError } from '../errors'
import {
  ClosedError,
  ConnectionError,
  RemoteError,
  SerializationError,
  TimeoutError,
  TooManyWaitsError,
} from '../errors'
import type { EngineOptions, ResolvedWait } from '../options'
import { quoted } from '../text'
import type { EventKey, Message, Receiver, Store, Topic, Transport } from '../transport'
import { Aborts } from './aborts'
import { Clock } from './clock'
import { Deadlines } from './deadlines'
import { Dispatch, isGarbage, type Settling } from './dispatch'
import { fromConnection, fromTransport } from './from-transport'
import { Hold } from './hold'
import { Messages } from './messages'
import { Outbox, Outgoing } from './outbox'
import { Recall, type RecallHost, type Way } from './recall'
import { handledRejection, rejectAtCaller } from './rejection'
import { Reports } from './reports'
import { newCounts, type Outcome, type Stats } from './stats'
import { StoreHealth } from './stores'
import type { Subscription } from './subscription'
import { Topics, type TopicsHost } from './topics'
import { ANSWERED, ASKED, LOOKED_LAST, RECALLS, SETTLED, SUBSCRIBED, Wait } from './wait'

/** Correlates waits with events. Everything that a wait goes through starts or ends here. */
export class Engine implements Receiver {
  /** open; draining: no new waits; closing: no new emits either; closed. */
  phase: 'open' | 'draining' | 'closing' | 'closed' = 'open'
  /** Called when the last pending wait has settled. */
  whenNothingPends: (() => void) | undefined
  readonly reports = new Reports()
  readonly hold = new Hold()
  readonly stores = { inputStore: new StoreHealth(), outputStore: new StoreHealth() }
  readonly outbox: Outbox
  readonly topics: Topics
  readonly messages: Messages
  readonly #options: EngineOptions
  readonly #clock = new Clock()
  readonly #dispatch: Dispatch
  readonly #recall: Recall | undefined
  readonly #deadlines = new Deadlines(this.#clock, (wait) => {
    this.#due(wait)
  })
  readonly #aborts = new Aborts((wait, reason) => {
    this.#reject(wait, 'aborted', () => reason)
  })
  readonly #settling = {
    event: this.#settlingBy('event'),
    recall: this.#settlingBy('recall'),
    restored: this.#settlingBy('restored'),
    backstop: this.#settlingBy('backstop'),
  }
  readonly #settled = newCounts()
  #pending = 0
  #desired: readonly Subscription[] | undefined

  constructor(transport: Transport, options: EngineOptions) {
    this.#options = options
    this.messages = new Messages(options)
    this.#dispatch = new Dispatch(this.messages, this.reports)
    this.outbox = new Outbox(transport, this.hold, (error) => {
      this.reports.error('inputStore', error)
    })
    this.topics = new Topics(transport, this.#topicsHost())
    this.#recall = transport.keeper && new Recall(transport.keeper, this.#clock, options.backstop, this.#recallHost())
    transport.attach(this)
  }

  get pending(): number {
    return this.#pending
  }

  stats(): Stats {
    return {
      pending: this.#pending,
      names: this.topics.size,
      queued: this.outbox.size,
      settled: { ...this.#settled },
      inputStore: this.stores.inputStore.stats(),
      outputStore: this.stores.outputStore.stats(),
    }
  }

  // Waits

  wait({ name, id }: EventKey, { timeout, recall, signal }: ResolvedWait): Promise<Args> {
    if (signal?.aborted === true) return handledRejection(signal.reason)
    if (this.#pending >= this.#options.maxPending) {
      return handledRejection(
        new TooManyWaitsError(`${this.#pending} waits are pending, which is maxPending: shed load, or raise it`),
      )
    }
    this.desire()
    const recalls = recall && this.#recall !== undefined && this.#options.keepFor(name) > 0
    const entry = this.topics.obtain(name)
    const wait = new Wait(entry, id, timeout, this.#clock.now(), recalls)
    this.#pending++
    entry.add(wait)
    this.#deadlines.add(wait)
    if (signal !== undefined) this.#aborts.add(wait, signal)
    const subscription = this.topics.of(entry, id)
    subscription.acquire()
    if (subscription.state === 'standing' && this.stores.outputStore.state !== 'down') this.#confirm(wait)
    if (recalls) this.#recall.guardBy(() => this.#keptWaits())
    return wait.promise
  }

  /** Its subscription stands on this connection: from here on a miss means that the event is still to come. */
  #confirm(wait: Wait): void {
    wait.bits |= SUBSCRIBED
    if (wait.has(RECALLS)) this.#recall?.ask(wait, 'recall')
  }

  #due(wait: Wait): void {
    if (!wait.has(LOOKED_LAST)) {
      const { deadline } = wait
      wait.bits |= LOOKED_LAST
      this.#deadlines.postpone(wait, deadline)
      this.#recall?.ask(wait, 'backstop')
      return
    }
    const { outputStore } = this.stores
    const details = {
      event: wait.name.name,
      id: wait.id,
      timeout: wait.timeout,
      subscribed: wait.has(SUBSCRIBED),
      disconnected: Math.min(wait.timeout, outputStore.missing(wait.due - wait.timeout, wait.due)),
      recalled: wait.has(ANSWERED) ? 'answered' : wait.has(ASKED) ? 'unanswered' : 'never',
    } as const
    this.#reject(wait, 'timeout', () => new TimeoutError(details))
  }

  #reject(wait: Wait, outcome: Outcome, makeError: () => unknown): void {
    if (this.#settle(wait, outcome)) rejectAtCaller(wait.promise, wait.resolve, makeError)
  }

  /** The one place where a wait ends. */
  #settle(wait: Wait, outcome: Outcome): boolean {
    if (wait.has(SETTLED)) return false
    wait.bits |= SETTLED
    this.#settled[outcome]++
    this.#pending--
    wait.name.remove(wait)
    this.#deadlines.remove(wait)
    this.#aborts.remove(wait)
    this.topics.of(wait.name, wait.id).release()
    if (this.#pending === 0) this.whenNothingPends?.()
    return true
  }

  *#keptWaits(): Generator<Wait> {
    for (const wait of this.topics.waits()) if (wait.has(RECALLS)) yield wait
  }

  #settlingBy(way: 'event' | Way): Settling {
    return {
      resolve: (wait, args) => {
        if (this.#settle(wait, way)) wait.resolve(args)
      },
      reject: (wait, failure) => {
        this.#reject(wait, 'failure', () => new RemoteError(failure))
      },
    }
  }

  #topicsHost(): TopicsHost {
    return {
      retry: this.#options.backstop,
      isOpen: () => this.phase !== 'closed',
      confirmed: (waits) => {
        for (const wait of waits) this.#confirm(wait)
      },
      refused: (waits, error) => {
        for (const wait of waits) this.#reject(wait, 'refused', () => fromTransport(error))
      },
      withdrawn: (error) => {
        this.#tell('outputStore', fromTransport(error))
      },
      settled: (name) => {
        this.outbox.settled(name)
      },
    }
  }

  #recallHost(): RecallHost {
    // Of now, not those that asked: an entry may have gone and come again while the store was asked.
    const recalling = ({ name, id }: EventKey): readonly Wait[] => {
      return (
        this.topics
          .find(name)
          ?.waitsFor(id)
          .filter((wait) => wait.has(RECALLS)) ?? []
      )
    }
    return {
      hit: (key, message, way) => {
        this.#dispatch.toWaits(key, message, recalling(key), this.#settling[way])
      },
      forbidden: (key, error) => {
        for (const wait of recalling(key)) this.#reject(wait, 'refused', () => fromTransport(error))
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
        new SerializationError(`the data of a failure of ${quoted(key.name)} is not JSON: it was sent without`),
      )
    return this.#send(new Outgoing(key, message, keep))
  }

  #send(outgoing: Outgoing): Promise<void> {
    const mayHold = this.stores.outputStore.state !== 'down'
    return this.outbox.send(outgoing, this.topics.find(outgoing.key.name), mayHold)
  }

  releaseHeld(): void {
    for (const name of this.topics.names()) this.outbox.releaseAll(name)
  }

  // Subscriptions

  /** Subscribes the names of option `listen`; they stay desired until close. */
  desire(): readonly Subscription[] {
    this.#desired ??= this.#options.listen.map((name) => this.topics.listen(name, undefined).subscription)
    return this.#desired
  }

  // Receiver

  wants({ name, id }: EventKey): boolean {
    const entry = this.topics.find(name)
    return entry !== undefined && (entry.listeners.size > 0 || entry.waits.has(id))
  }

  deliver(key: EventKey, message: Message): void {
    const entry = this.topics.find(key.name)
    if (entry === undefined) return
    if (message.kept === false && this.#options.keepFor(key.name) > 0) this.#dispatch.reportMismatch(key.name)
    this.#dispatch.toWaits(key, message, entry.waitsFor(key.id), this.#settling.event)
    if (message.kind === 'event') this.#dispatch.toListeners(key, message, entry.listeners)
  }

  state(store: Store, up: boolean, cause?: Error): void {
    if (this.phase === 'closed') return
    const health = this.stores[store]
    const now = this.#clock.now()
    if (up) {
      const first = health.state === 'never'
      health.up(now)
      if (store === 'outputStore' && !first) this.#restored()
      this.reports.ready(store)
      return
    }
    health.down(now)
    if (store === 'outputStore') this.releaseHeld()
    this.#tell(store, cause === undefined ? new ConnectionError('the connection was lost') : fromConnection(cause))
  }

  lost(topic: Topic, error: Error): void {
    const entry = this.topics.find(topic.name)
    const subscription = topic.id === undefined ? entry?.whole : entry?.byId.get(topic.id)
    subscription?.lost(error)
  }

  error(store: Store, error: Error): void {
    if (this.phase === 'closed') return
    const wrapped = fromConnection(error)
    if (isGarbage(wrapped)) this.reports.once(`${wrapped.code} ${wrapped.message}`, store, () => wrapped)
    else this.#tell(store, wrapped)
  }

  #tell(store: Store, error: ServerEventsError): void {
    this.stores[store].lastError = error
    this.reports.error(store, error)
  }

  /** The subscriptions stand again on a new connection: what was kept meanwhile is looked up. */
  #restored(): void {
    const kept: Wait[] = []
    for (const wait of this.topics.waits()) {
      if (this.topics.of(wait.name, wait.id).state !== 'standing') continue
      wait.bits |= SUBSCRIBED
      if (wait.has(RECALLS)) kept.push(wait)
    }
    this.#recall?.restored(kept)
  }

  /** Ends every wait, timer and subscription here. The transport is closed by the caller. */
  end(): void {
    this.phase = 'closed'
    const closed = (): ClosedError => new ClosedError()
    for (const wait of [...this.topics.waits()]) this.#reject(wait, 'closed', closed)
    this.topics.close(closed())
    this.#deadlines.close()
    this.#recall?.close()
    this.stores.inputStore.close()
    this.stores.outputStore.close()
  }
}
