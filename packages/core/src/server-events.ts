import type { Contract, EventId, Received, Sent } from './contract'
import { ClosedError, InvalidArgumentError } from './errors'
import type { EventStream } from './event-stream'
import { Closing } from './engine/closing'
import { Engine } from './engine/engine'
import { Kept } from './engine/kept'
import { refusedReader } from './engine/reader'
import { atCaller, handledRejection } from './engine/rejection'
import type { ErrorListener, ReadyListener, Unsubscribe } from './engine/reports'
import type { Stats } from './engine/stats'
import { Starting } from './engine/starting'
import type { Listener } from './engine/names'
import {
  checkDuration,
  checkId,
  checkListener,
  checkName,
  defaultTimeout,
  resolveDrain,
  resolveOptions,
  resolveStream,
  resolveWait,
  type ServerEventsOptions,
  type StreamOptions,
  type WaitOptions,
} from './options'
import type { EventKey, Store, Transport } from './transport'

/** What `listen` resolves with. */
export interface Listening {
  /** From here on the listener is not called. Resolves at once; never rejects. */
  close(): Promise<void>
  /** As `close`, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Waits on one server for what another server will do.
 *
 * `C` names the events and the tuples of their args, or is inferred from option `schemas`; without
 * either, names and args are untyped.
 * Methods that return a promise never throw: a bad argument rejects with InvalidArgumentError before
 * anything is sent. The constructor, the setter of `timeout`, `onready` and `onerror` throw it.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- untyped use must not ask for casts
export class ServerEvents<C extends Contract<C> = Record<string, any[]>> {
  readonly #transport: Transport
  readonly #engine: Engine
  readonly #starting: Starting
  readonly #kept: Kept
  #timeout: number
  #closing: Closing | undefined

  /**
   * Opens nothing yet: `init` or the first use does. The instance owns the transport and closes it.
   *
   * @throws InvalidArgumentError for a bad or unknown option, UnsupportedError for `keep` on a
   * transport without a keeper.
   */
  constructor(transport: Transport, options: ServerEventsOptions<C> = {}) {
    checkTransport(transport)
    const resolved = resolveOptions(transport, options)
    this.#timeout = options.timeout === undefined ? defaultTimeout : checkDuration(options.timeout, 'option timeout')
    this.#transport = transport
    this.#engine = new Engine(transport, resolved)
    this.#starting = new Starting(this.#engine, transport, resolved.initTimeout)
    this.#kept = new Kept(transport.keeper, this.#engine.messages)
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
    if (this.#closing !== undefined) return atCaller(Promise.reject(new ClosedError()))
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
      const key = this.#key(name, id)
      const wait = resolveWait(options, this.#timeout)
      if (this.#closing !== undefined) throw new ClosedError()
      return this.#engine.waiting.wait(key, wait) as Promise<Received<C[K]>>
    } catch (error) {
      return handledRejection(error)
    }
  }

  /**
   * Sends an event to every process that waits for or listens to it.
   *
   * Resolves when the server has accepted it; that says nothing about receivers. Rejects with
   * ConnectionError (`sent: false`), UncertainError, NotKeptError, ForbiddenError, AuthError,
   * ValidationError, SerializationError, PayloadTooLargeError, ClosedError. Every rejection is also told on
   * `onerror`, and the promise counts as handled: nobody has to await an emit.
   */
  emit<K extends keyof C & string>(name: K, id: EventId, ...args: Sent<C[K]>): Promise<void> {
    return this.#sending(() => this.#engine.emit(this.#key(name, id), args))
  }

  /**
   * Rejects every wait on (name, id) at once with a RemoteError that has the error's name, message,
   * `code` and `data`, without its stack and cause. `data` that JSON refuses is left out, which
   * `onerror` tells. Settles as `emit` does.
   */
  fail(name: keyof C & string, id: EventId, error: unknown): Promise<void> {
    return this.#sending(() => this.#engine.fail(this.#key(name, id), error))
  }

  /**
   * Keeps a name subscribed and calls the listener for each of its events, from the moment the
   * promise resolves until `close`. What a listener throws or rejects with goes to `onerror`.
   *
   * Rejects after `initTimeout` with ConnectionError, at once with ForbiddenError, AuthError or
   * ClosedError; the listener is then not called any more.
   */
  listen<K extends keyof C & string>(
    name: K,
    listener?: (id: string, ...args: Received<C[K]>) => unknown,
  ): Promise<Listening> {
    return atCaller(this.#listen(name, listener as Listener | undefined))
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
      const key = this.#key(name, id)
      const stream = resolveStream(options, this.#timeout)
      if (this.#closing !== undefined) throw new ClosedError()
      return this.#engine.waiting.stream(key, stream) as EventStream<unknown> as EventStream<Received<C[K]>>
    } catch (error) {
      return refusedReader(error) as EventStream<unknown> as EventStream<Received<C[K]>>
    }
  }

  /**
   * The kept outcome of (name, id), without waiting; `undefined` when there is none. A kept failure
   * rejects with its RemoteError. Also rejects with UnsupportedError on a transport without a
   * keeper, ConnectionError, ForbiddenError, ClosedError, and with ValidationError or
   * SerializationError when what is kept cannot be read.
   */
  peek<K extends keyof C & string>(name: K, id: EventId): Promise<Received<C[K]> | undefined> {
    return this.#asking(() => this.#kept.peek(this.#key(name, id))) as Promise<Received<C[K]> | undefined>
  }

  /** Removes the kept outcome, so that the same id can be used again. Rejects as `peek` does. */
  forget(name: keyof C & string, id: EventId): Promise<void> {
    return this.#asking(() => this.#kept.forget(this.#key(name, id)))
  }

  /** A snapshot for logs, metrics and readiness checks. */
  stats(): Stats {
    return this.#engine.stats()
  }

  /** Calls the listener each time a side is up, and at once for each that already is. */
  onready(listener: ReadyListener): Unsubscribe {
    checkListener(listener, 'the listener of onready')
    const { reports, stores } = this.#engine
    const unsubscribe = reports.onready(listener)
    for (const store of ['inputStore', 'outputStore'] satisfies Store[]) {
      if (stores[store].state === 'up') reports.tellReady(listener, store)
    }
    return unsubscribe
  }

  /**
   * Calls the listener for all that no promise tells, and for each emit that rejected. `store` is
   * 'inputStore' for the publishing side, 'outputStore' for the subscribing one. Without a listener
   * the first error of each kind is a process warning.
   */
  onerror(listener: ErrorListener): Unsubscribe {
    checkListener(listener, 'the listener of onerror')
    return this.#engine.reports.onerror(listener)
  }

  /**
   * Ends the instance and its transport. For `drain` ms (default 0) no new waits are taken while
   * pending ones may still settle, listeners that returned a promise may still finish, and emits
   * work; it ends early when nothing is pending or at work. Then outstanding emits get at most 5 s,
   * and what is left rejects with ClosedError.
   *
   * A second call returns the same promise; its smaller drain shortens the first.
   */
  close(options?: { readonly drain?: number }): Promise<void> {
    try {
      const drain = resolveDrain(options)
      this.#closing ??= new Closing(this.#engine, this.#transport, drain)
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

  async #listen(name: string, listener: Listener | undefined): Promise<Listening> {
    const checked = checkName(name)
    if (listener !== undefined) checkListener(listener, 'the listener of listen')
    if (this.#closing !== undefined) throw new ClosedError()
    this.#engine.topics.desire()
    const { subscription, close } = this.#engine.topics.listen(checked, listener)
    try {
      await this.#starting.standing(subscription)
    } catch (error) {
      close()
      throw error
    }
    const end = (): Promise<void> => {
      close()
      return Promise.resolve()
    }
    return { close: end, [Symbol.asyncDispose]: end }
  }

  #key(name: string, id: EventId): EventKey {
    return { name: checkName(name), id: checkId(id) }
  }

  #sending(send: () => Promise<void>): Promise<void> {
    try {
      if (this.#engine.phase === 'closing' || this.#engine.phase === 'closed') throw new ClosedError()
      return send()
    } catch (error) {
      this.#engine.reports.error('inputStore', error as Error)
      return handledRejection(error)
    }
  }

  #asking<T>(ask: () => Promise<T>): Promise<T> {
    const asked = async (): Promise<T> => {
      if (this.#engine.phase === 'closing' || this.#engine.phase === 'closed') throw new ClosedError()
      return await ask()
    }
    return atCaller(this.#engine.hold.during(asked()))
  }
}

function checkTransport(transport: unknown): asserts transport is Transport {
  const { attach, connect, publish, subscribe, unsubscribe, close } = (transport ?? {}) as Partial<Transport>
  const complete = [attach, connect, publish, subscribe, unsubscribe, close].every((part) => typeof part === 'function')
  if (!complete) throw new InvalidArgumentError('the first argument must be a transport, such as new MemoryTransport()')
}
