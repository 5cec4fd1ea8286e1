import type { Args } from '../event-map'
import type { ServerEventsError } from '../errors'
import { ClosedError, ConnectionError, PayloadTooLargeError, SerializationError, UnsupportedError } from '../errors'
import type { EngineOptions, ResolvedWanted } from '../options'
import { quoted } from '../text'
import type { EventKey, Message, Receiver, Side, Topic, Transport } from '../transport'
import { Clock } from '../base/clock'
import { Ids } from '../base/ids'
import { channels, Telling } from '../observe/diagnostics'
import { Dispatch, isGarbage } from '../waits/dispatch'
import { fromConnection, fromTransport } from '../transport-errors'
import { KeepAlive } from '../base/keep-alive'
import { Lookups } from '../outcomes/lookups'
import { CARRIED_BY_ALL } from '../messages/failure'
import { Messages } from '../messages/messages'
import { onceOf } from '../outcomes/once'
import { noop } from '../base/reject-at-caller'
import { Emits } from '../emits/emits'
import { Emit } from '../emits/in-flight'
import { Reports, type ReadyListener, type Unsubscribe } from '../observe/reports'
import type { Stats } from '../observe/stats'
import { ConnectionHealth } from '../observe/connection-health'
import { Subscriptions, type SubscriptionsHost } from '../registry/subscriptions'
import { Waits } from '../waits/waits'
import { ANSWERS_NAME, Questions } from '../wanted/questions'
import type { Wanted } from '../wanted/wanted'

/** Puts the parts together, and is what a transport talks to. */
export class Engine implements Receiver {
  /** open; draining: no new waits; closing: no new emits either; closed. */
  phase: 'open' | 'draining' | 'closing' | 'closed' = 'open'
  readonly reports = new Reports()
  readonly ids: Ids
  readonly keepAlive = new KeepAlive()
  /** Calls of peek and forget that have not settled. */
  readonly lookups = new Lookups(this.keepAlive)
  readonly sides = { inputStore: new ConnectionHealth(), outputStore: new ConnectionHealth() }
  readonly emits: Emits
  readonly subscriptions: Subscriptions
  readonly waits: Waits
  readonly questions: Questions
  readonly messages: Messages
  readonly telling: Telling
  readonly #options: EngineOptions
  readonly #clock = new Clock()
  readonly dispatch: Dispatch
  /** No attempt to connect the subscribing side has succeeded yet, and one has failed. */
  #failing = false

  constructor(transport: Transport, options: EngineOptions) {
    this.#options = options
    this.ids = new Ids(transport.homes === true && transport.routing === 'id')
    this.telling = new Telling(options.name)
    this.messages = new Messages(options, this.telling)
    this.dispatch = new Dispatch(this.reports, this.telling)
    this.emits = new Emits(transport, this.keepAlive, {
      telling: this.telling,
      isAway: () => this.#isAway,
      isReachable: () => this.sides.inputStore.state === 'up',
      now: () => this.#clock.now(),
      onceOf: (name, message) => (options.isOnce(name) ? onceOf(message) : undefined),
      rejected: (error, { key, depth }) => {
        this.reports.emitFailed(error, key, depth)
      },
    })
    this.subscriptions = new Subscriptions(transport, this.ids, this.#subscriptionsHost(), options.listen)
    this.waits = new Waits(transport.keeper, options, {
      clock: this.#clock,
      telling: this.telling,
      subscriptions: this.subscriptions,
      dispatch: this.dispatch,
      messages: this.messages,
      outputStore: this.sides.outputStore,
    })
    const { reports, subscriptions, waits, sides } = this
    this.questions = new Questions(transport, { reports, subscriptions, waits, outputStore: sides.outputStore })
    transport.attach(this)
  }

  /** Why no wait is taken once `close` was called. */
  takesNoWaits(): ClosedError {
    if (this.phase !== 'draining') return new ClosedError()
    return new ClosedError('this ServerEvents is closing: until the drain is over it takes emits, but no new waits')
  }

  wanted(key: EventKey, options: ResolvedWanted): Wanted {
    if (this.phase === 'closing' || this.phase === 'closed') throw new ClosedError()
    return this.questions.ask(key, options)
  }

  onready(listener: ReadyListener): Unsubscribe {
    const sides: Side[] = ['inputStore', 'outputStore']
    return this.reports.onready(
      listener,
      sides.filter((side) => this.sides[side].state === 'up'),
    )
  }

  stats(): Stats {
    return {
      pending: this.waits.count,
      names: this.subscriptions.size,
      busiest: this.subscriptions.busiest(10),
      queued: this.emits.size,
      settled: { ...this.waits.settled },
      inputStore: this.sides.inputStore.stats(),
      outputStore: this.sides.outputStore.stats(),
    }
  }

  #subscriptionsHost(): SubscriptionsHost {
    return {
      retry: this.#options.backstop,
      isOpen: () => this.phase !== 'closed',
      confirmed: (items) => {
        this.waits.confirmed(items)
      },
      refused: (items, error) => {
        this.waits.refused(items, error)
      },
      withdrawn: (error) => {
        this.#tell('outputStore', fromTransport(error))
      },
      settled: (entry) => {
        this.emits.settled(entry)
      },
      homeless: (name, error) => {
        this.reports.once('homeless', name, 'outputStore', () => fromTransport(error))
      },
      foreign: (name) => {
        this.reports.once('foreign', name, 'outputStore', () => new UnsupportedError(isForeign(name)))
      },
    }
  }

  // Emits

  emit(key: EventKey, args: Args): Promise<void> {
    const keep = this.#options.keepFor(key.name)
    return this.#send(new Emit(key, this.messages.event(key, args, keep > 0), keep, this.reports.depth))
  }

  fail(key: EventKey, error: unknown): Promise<void> {
    const sent = this.#fail(key, error)
    if (sent.fits) return sent.promise
    // Somebody waits for it: what this transport does not carry is sent once more as what every one has to carry.
    const carried = sent.promise.catch((refusal: unknown) => {
      if (!(refusal instanceof PayloadTooLargeError)) throw refusal
      return this.#fail(key, error, CARRIED_BY_ALL).promise
    })
    carried.catch(noop)
    return carried
  }

  #fail(
    key: EventKey,
    error: unknown,
    mostBytes?: number,
  ): { readonly promise: Promise<void>; readonly fits: boolean } {
    const keep = this.#options.keepFor(key.name)
    const { message, changed } = this.messages.failure(key, error, keep > 0, mostBytes)
    if (changed.length > 0) {
      const what = `a failure of event ${quoted(key.name)} cannot travel as it is, as JSON or within maxPayload`
      this.reports.emitRefused(new SerializationError(`${what}: its ${changed.join(', its ')}`), key)
    }
    const promise = this.#send(new Emit(key, message, keep, this.reports.depth))
    return { promise, fits: message.body.length <= CARRIED_BY_ALL / 3 }
  }

  #send(emit: Emit): Promise<void> {
    return this.emits.send(emit, this.subscriptions.find(emit.key.name))
  }

  /** A first connection that fails is as good as a lost one. */
  get #isAway(): boolean {
    const { state } = this.sides.outputStore
    return state === 'down' || (state === 'never' && this.#failing)
  }

  // Receiver

  wants({ name, id }: EventKey): boolean {
    return this.subscriptions.find(name)?.wants(id) === true || (name === ANSWERS_NAME && this.questions.wants(id))
  }

  deliver(key: EventKey, message: Message): void {
    const { kind } = message
    if (kind !== 'event' && kind !== 'failure') {
      this.questions.heard(key, message)
      return
    }
    const entry = this.subscriptions.find(key.name)
    if (entry === undefined) return
    const waits = entry.waits.of(key.id)
    const streams = entry.streams.of(key.id)
    const pending = waits.length + streams.length
    this.#compareKeeping(key.name, message, pending)
    const listeners = entry.hearing(kind)
    if (channels.receive.hasSubscribers)
      this.telling.received(key, message, 'event', { waits: waits.length, streams: streams.length, listeners })
    const reading = this.messages.reading(key, message, pending + listeners > 1)
    this.waits.deliver(reading, waits, streams)
    if (listeners > 0) this.dispatch.toListeners(reading, entry.listeners)
  }

  /** Both sides have to keep a name; for who listens only, that is nothing. */
  #compareKeeping(name: string, { kept }: Message, pending: number): void {
    if (kept === undefined) return
    const keptHere = this.#options.keepFor(name) > 0
    if (keptHere !== kept && (keptHere || pending > 0)) this.dispatch.reportMismatch(name, keptHere)
  }

  state(side: Side, up: boolean, cause?: Error): void {
    if (this.phase === 'closed') return
    const health = this.sides[side]
    const now = this.#clock.now()
    if (up) {
      const first = health.state === 'never'
      health.up(now)
      if (side === 'outputStore') {
        if (!first) this.waits.restored()
        this.emits.restored()
      }
      this.telling.up(side)
      this.reports.ready(side)
      return
    }
    health.down(now)
    const error = cause === undefined ? new ConnectionError('the connection was lost') : fromConnection(cause)
    this.telling.down(side, error)
    this.#tell(side, error)
  }

  lost(topic: Topic, error: Error): void {
    if (this.phase === 'closed') return
    this.telling.lost(topic, () => fromTransport(error))
    this.subscriptions.find(topic.name)?.subscriptionOf(topic)?.lost(error)
  }

  error(side: Side, error: Error): void {
    if (this.phase === 'closed') return
    const wrapped = fromConnection(error)
    if (isGarbage(wrapped)) {
      this.telling.dropped({}, wrapped)
      this.reports.once(wrapped.code, wrapped.message, side, () => wrapped)
      return
    }
    if (side === 'outputStore') this.#failing = true
    this.#tell(side, wrapped)
  }

  #tell(side: Side, error: ServerEventsError): void {
    this.sides[side].lastError = error
    this.reports.error(side, error)
  }

  /** Ends every wait, timer and subscription here. The transport is closed by the caller. */
  end(): void {
    this.phase = 'closed'
    this.waits.close(() => new ClosedError())
    this.subscriptions.close(new ClosedError())
    this.sides.inputStore.close()
    this.sides.outputStore.close()
  }
}

function isForeign(name: string): string {
  return `a wait on event ${quoted(name)} is on an id that was not made here, which option listen does not protect where the transport has homes: make the id with createId of the instance that waits, or call listen(${quoted(name)})`
}
