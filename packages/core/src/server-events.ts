import type { EventMap, EventId, Received, Sent } from './event-map'
import { ClosedError, type ServerEventsError } from './errors'
import type { EventStream } from './pending/event-stream'
import { Close } from './engine/close'
import { Engine } from './engine/engine'
import { RootedTransport } from './engine/rooted-transport'
import { Outcomes } from './outcomes/peek'
import { refusedReader } from './pending/reader'
import { atCaller, handledRejection } from './base/reject-at-caller'
import type { ErrorListener, ReadyListener, Unsubscribe } from './observe/reports'
import type { Stats } from './observe/stats'
import { Init } from './engine/init'
import { listen, type Listening } from './engine/listen'
import type { FailureListener, Listener } from './registry/name'
import { checkDuration, checkKey, checkListener, checkName, checkTransport } from './checks'
import type { RequestOptions, ServerEventsOptions, StreamOptions, WaitOptions, WantedOptions } from './options'
import {
  DEFAULT_TIMEOUT,
  resolveDrain,
  resolveOptions,
  resolveRequest,
  resolveStream,
  resolveWait,
  resolveWanted,
} from './resolve-options'
import type { EventKey, Transport } from './transport'
import type { Wanted } from './wanted/wanted'

/**
 * Waits on one server for what another server will do.
 *
 * `C` names the events and the tuples of their args, or is inferred from option `schemas`; without
 * either, names and args are untyped.
 * Methods that return a promise never throw: a bad argument rejects with InvalidArgumentError before
 * anything is sent. The constructor, the setter of `timeout`, `onready` and `onerror` throw it.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- untyped use must not ask for casts
export class ServerEvents<C extends EventMap<C> = Record<string, any[]>> {
  readonly #transport: Transport
  readonly #engine: Engine
  readonly #starting: Init
  readonly #kept: Outcomes
  #timeout: number
  #closing: Close | undefined

  /**
   * Opens nothing yet: `init` or the first use does. The instance owns the transport and closes it.
   *
   * @throws InvalidArgumentError for a bad or unknown option, UnsupportedError for `keep` on a
   * transport without a keeper, and for `once` on one that keeps the last outcome only.
   */
  constructor(transport: Transport, options: ServerEventsOptions<C> = {}) {
    checkTransport(transport)
    const resolved = resolveOptions(transport, options)
    this.#timeout = options.timeout === undefined ? DEFAULT_TIMEOUT : checkDuration(options.timeout, 'option timeout')
    this.#transport = new RootedTransport(transport)
    this.#engine = new Engine(this.#transport, resolved)
    this.#starting = new Init(this.#engine, this.#transport, resolved.initTimeout)
    this.#kept = new Outcomes(this.#transport.keeper, this.#engine.messages, this.#engine.sides.inputStore)
  }

  /** How long a wait lasts unless it says otherwise, in ms. Default 10_000. */
  get timeout(): number {
    return this.#timeout
  }

  /** @throws InvalidArgumentError unless positive and finite. */
  set timeout(ms: number) {
    this.#timeout = checkDuration(ms, 'timeout')
  }

  /**
   * Resolves when the publishing connection stands and the names of option `listen` are subscribed.
   *
   * Rejects after `initTimeout` with the last ConnectionError while repair goes on, at once with
   * AuthError or ForbiddenError. A call after a rejection tries again.
   */
  init(): Promise<void> {
    if (this.#closing !== undefined) return atCaller(Promise.reject(this.#engine.takesNoWaits()))
    return atCaller(this.#starting.init())
  }

  /**
   * Waits for one event. Resolves with its args as an array.
   *
   * Rejects with TimeoutError after `timeout` ms, RemoteError when the producer called `fail`, the
   * signal's reason, ForbiddenError or AuthError when the server refuses, TooManyWaitsError over
   * `maxPending`, ClosedError. Several waits on one (name, id) are independent; all get the event.
   * The promise counts as handled: an orphaned wait does not take the process down.
   */
  on<K extends keyof C & string>(name: K, id: EventId, options?: number | WaitOptions): Promise<Received<C[K]>> {
    try {
      const key = checkKey(name, id)
      const wait = resolveWait(options, this.#timeout)
      if (this.#closing !== undefined) throw this.#engine.takesNoWaits()
      return this.#engine.waits.wait(key, wait) as Promise<Received<C[K]>>
    } catch (error) {
      return handledRejection(error)
    }
  }

  /**
   * Starts work and waits for its outcome, in the order that is right: makes an id (`createId`, or
   * option `id`), registers the wait, calls `start(id, signal)` once the answer cannot be missed,
   * that is when the name's subscription stands or, with `keep`, at once, and resolves with the
   * event's args, even while what `start` returned is pending.
   *
   * Rejects as `on` does, and with what `start` throws or rejects with before the outcome. Where the
   * subscription takes longer than `timeout`, `start` is never called. `signal` aborts when the
   * request ends without an outcome; its reason is what the request rejects with. What `start`
   * rejects with afterwards is dropped. The promise counts as handled.
   */
  request<K extends keyof C & string>(
    name: K,
    start: (id: string, signal: AbortSignal) => unknown,
    options?: number | RequestOptions,
  ): Promise<Received<C[K]>> {
    try {
      checkListener(start, 'the second argument of request')
      const { id, ...wait } = resolveRequest(options, this.#timeout, () => this.createId())
      const key = { name: checkName(name), id }
      if (this.#closing !== undefined) throw this.#engine.takesNoWaits()
      return this.#engine.waits.request(key, wait, start) as Promise<Received<C[K]>>
    } catch (error) {
      return handledRejection(error)
    }
  }

  /**
   * An id that nobody can guess: at least 128 random bits as 22 characters of base64url.
   *
   * Where the transport has homes (`channels: 'id'` of Redis, NATS), `~` and the label of this instance
   * follow, 34 characters in all: waits on such ids share one subscription of each name, and only
   * this instance hears their events. So make it where you wait. What stands before it does no harm:
   * `${order}:${events.createId()}`.
   */
  createId(): string {
    return this.#engine.ids.create()
  }

  /**
   * Sends an event to every process that waits for or listens to it.
   *
   * Resolves when the server has accepted it; that says nothing about receivers. Rejects with
   * ConnectionError (`sent: false`), UncertainError, NotKeptError, AlreadySettledError, ForbiddenError, AuthError,
   * ValidationError, SerializationError, PayloadTooLargeError, ClosedError. Every rejection is also told on
   * `onerror`, and the promise counts as handled: nobody has to await an emit.
   */
  emit<K extends keyof C & string>(name: K, id: EventId, ...args: Sent<C[K]>): Promise<void> {
    return this.#sending(name, id, (key) => this.#engine.emit(key, args))
  }

  /**
   * Rejects every wait on (name, id) at once with a RemoteError that has the error's name, message,
   * `code` and `data`, without its stack and cause. `data` that JSON refuses is left out, which
   * `onerror` tells. Settles as `emit` does.
   */
  fail(name: keyof C & string, id: EventId, error: unknown): Promise<void> {
    return this.#sending(name, id, (key) => this.#engine.fail(key, error))
  }

  /**
   * Keeps a name subscribed and calls the listener for each of its events, and `failed` for each
   * `fail`, from the moment the promise resolves until `close`. What either throws or rejects with
   * goes to `onerror`.
   *
   * Rejects after `initTimeout` with ConnectionError, at once with ForbiddenError, AuthError or
   * ClosedError; the listener is then not called any more.
   */
  listen<K extends keyof C & string>(
    name: K,
    listener?: (id: string, ...args: Received<C[K]>) => unknown,
    failed?: FailureListener,
  ): Promise<Listening> {
    const heard = { event: listener as Listener | undefined, failure: failed }
    return atCaller(listen(this.#engine, this.#starting, name, heard))
  }

  /**
   * All events of one (name, id) from now on, as an async iterator. Subscribes at the call; `ready`
   * resolves when that stands. With `keep` a late reader gets the latest item that is kept.
   *
   * `until` ends it after the event for which it returns true; `fail` of the same (name, id) with
   * RemoteError, `timeout` ms without an event with TimeoutError, more unread events than `buffer`
   * with OverflowError, `signal` with its reason; else what a wait rejects with. `return()`, which
   * `break` calls, unsubscribes. A bad argument rejects `ready` and the first `next()`.
   */
  stream<K extends keyof C & string>(
    name: K,
    id: EventId,
    options?: StreamOptions<Received<C[K]>>,
  ): EventStream<Received<C[K]>> {
    try {
      const key = checkKey(name, id)
      const stream = resolveStream(options, this.#timeout)
      if (this.#closing !== undefined) throw this.#engine.takesNoWaits()
      return this.#engine.waits.stream(key, stream) as EventStream<unknown> as EventStream<Received<C[K]>>
    } catch (error) {
      return refusedReader(error) as EventStream<unknown> as EventStream<Received<C[K]>>
    }
  }

  /**
   * For a worker: `signal` aborts with UnwantedError when nobody waits for (name, id) any more, in any
   * process: after an abort, a timeout, a close or a crash. Asks now, every `every` ms and when told of
   * an end; two successive questions without an answer `within` ms end it, 2 × (every + within) later
   * at most. Never because this side is away or refused, which `onerror` tells. Holds no process.
   * @throws InvalidArgumentError, ClosedError, UnsupportedError on a transport without `questions`
   */
  wanted(name: keyof C & string, id: EventId, options?: WantedOptions): Wanted {
    return this.#engine.wanted(checkKey(name, id), resolveWanted(options))
  }

  /**
   * The kept outcome of (name, id), without waiting; `undefined` when there is none. A kept failure
   * rejects with its RemoteError. Also rejects with UnsupportedError on a transport without a
   * keeper, ConnectionError, ForbiddenError, ClosedError, and with ValidationError or
   * SerializationError when what is kept cannot be read.
   */
  peek<K extends keyof C & string>(name: K, id: EventId): Promise<Received<C[K]> | undefined> {
    return this.#asking(() => this.#kept.peek(checkKey(name, id))) as Promise<Received<C[K]> | undefined>
  }

  /** Removes the kept outcome, so that the same id can be used again. Rejects as `peek` does. */
  forget(name: keyof C & string, id: EventId): Promise<void> {
    return this.#asking(() => this.#kept.forget(checkKey(name, id)))
  }

  /** What diagnostics channels call this instance: its option `name`, or else a number. */
  get instance(): string | number {
    return this.#engine.telling.instance
  }

  /** A snapshot for logs, metrics and readiness checks. */
  stats(): Stats {
    return this.#engine.stats()
  }

  /** Calls the listener each time a side is up, and once this call has returned for each that already is. */
  onready(listener: ReadyListener): Unsubscribe {
    checkListener(listener, 'the listener of onready')
    return this.#engine.onready(listener)
  }

  /**
   * Calls the listener for each error that belongs to no call, and for each emit that rejected. `store` is
   * 'inputStore' for the publishing side, 'outputStore' for the subscribing one; `about` is the
   * event's name and id where the error is about one. What the listener itself emits is told as
   * well, to a depth of 3. Without a listener the first error of each kind is a process warning,
   * and so is the first of the listeners of each event.
   */
  onerror(listener: ErrorListener): Unsubscribe {
    checkListener(listener, 'the listener of onerror')
    return this.#engine.reports.onerror(listener)
  }

  /**
   * Ends the instance and its transport. For `drain` ms (default 0) no new waits are taken while
   * pending ones may still settle, listeners that returned a promise may still finish, and emits
   * work; it ends early when for 50 ms nothing was pending or at work. Then outstanding emits get at
   * most 5 s, and what is left rejects with ClosedError.
   *
   * A second call returns the same promise; its smaller drain shortens the first.
   */
  close(options?: { readonly drain?: number | undefined }): Promise<void> {
    try {
      const drain = resolveDrain(options)
      this.#closing ??= new Close(this.#engine, this.#transport, drain)
      this.#closing.shorten(drain)
      return this.#closing.promise
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** As `close` without a drain, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #sending(name: string, id: EventId, send: (key: EventKey) => Promise<void>): Promise<void> {
    let key: EventKey | undefined
    try {
      key = checkKey(name, id)
      if (this.#engine.phase === 'closing' || this.#engine.phase === 'closed') throw new ClosedError()
      return send(key)
    } catch (error) {
      this.#engine.reports.emitRefused(error as ServerEventsError, key)
      return handledRejection(error)
    }
  }

  #asking<T>(ask: () => Promise<T>): Promise<T> {
    const asked = async (): Promise<T> => {
      if (this.#engine.phase === 'closing' || this.#engine.phase === 'closed') throw new ClosedError()
      return await ask()
    }
    return atCaller(this.#engine.lookups.during(asked()))
  }
}
