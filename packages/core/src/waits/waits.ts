import type { Args } from '../event-map'
import { InvalidArgumentError, OverflowError, RemoteError, TimeoutError, TooManyWaitsError } from '../errors'
import type { EngineOptions, ResolvedStream, ResolvedWait } from '../options'
import { quoted } from '../text'
import type { EventKey, Keeper } from '../transport'
import { Aborts, reasonOf } from './aborts'
import type { Clock } from '../base/clock'
import type { Telling } from '../observe/diagnostics'
import { Deadlines } from './deadlines'
import { Request, type Start } from './request'
import type { Dispatch, Recipient } from './dispatch'
import type { Messages } from '../messages/messages'
import type { Reading } from '../messages/reading'
import { fromTransport } from '../transport-errors'
import { isStream, type NameEntry, type NamePending, type NameStream, type NameWait } from '../registry/name'
import { ANSWERED, ASKED, LOOKED_LAST, RECALLS, SETTLED, SUBSCRIBED } from '../pending/pending'
import { Recall } from '../outcomes/recall'
import { recalled } from './recalled'
import { refusedReader, type Reader } from '../pending/reader'
import { given, handledRejection } from '../base/reject-at-caller'
import { newCounts, type Outcome, type StreamOutcome, type Way } from '../observe/stats'
import type { ConnectionHealth } from '../observe/connection-health'
import { Stream } from '../pending/stream'
import type { Subscriptions } from '../registry/subscriptions'
import { Wait } from '../pending/wait'

/** What the waits are settled with. */
interface WaitsHost {
  readonly clock: Clock
  readonly telling: Telling
  readonly subscriptions: Subscriptions
  readonly dispatch: Dispatch
  readonly messages: Messages
  readonly outputStore: ConnectionHealth
}

/** All waits and streams, from their registration to their one end. */
export class Waits {
  /** How many have not ended. */
  count = 0
  /** Called when the last one has ended. */
  whenNothingPends: (() => void) | undefined
  /** Called when one has ended, while somebody wants to know. */
  whenOneEnds: ((item: NamePending, outcome: Outcome | StreamOutcome) => void) | undefined
  readonly settled = newCounts()
  readonly #options: EngineOptions
  readonly #host: WaitsHost
  readonly #recall: Recall | undefined
  readonly #deadlines: Deadlines<NamePending>
  readonly #now = (): number => this.#host.clock.now()
  readonly #aborts = new Aborts<NamePending>((item, reason) => {
    this.#reject(item, 'aborted', () => given(reason))
  })
  readonly #waitsBy = {
    event: this.#waitsSettledBy('event'),
    recall: this.#waitsSettledBy('recall'),
    restored: this.#waitsSettledBy('restored'),
    backstop: this.#waitsSettledBy('backstop'),
  }
  readonly #streams: Recipient<NameStream> = {
    event: (stream, args) => {
      this.#read(stream, args)
    },
    failure: (stream, failure) => {
      this.#reject(stream, 'failure', () => new RemoteError(failure))
    },
  }

  constructor(keeper: Keeper | undefined, options: EngineOptions, host: WaitsHost) {
    this.#options = options
    this.#host = host
    this.#recall =
      keeper &&
      new Recall(
        keeper,
        host.clock,
        options.backstop,
        recalled(host, {
          waits: this.#waitsBy,
          streams: this.#streams,
          refused: (items, error) => {
            this.refused(items, error)
          },
        }),
      )
    this.#deadlines = new Deadlines(host.clock, (item) => {
      this.#due(item)
    })
  }

  wait(key: EventKey, { timeout, recall, signal }: ResolvedWait): Promise<Args> {
    const refusal = this.#refusal(signal)
    if (refusal !== undefined) return handledRejection(refusal.error)
    const entry = this.#obtain(key)
    const now = this.#now()
    const wait = new Wait(entry, key.id, timeout, now, this.#recalls(entry, recall))
    this.#add(wait, now, signal)
    return wait.promise
  }

  /** A wait that starts what it waits for, once the answer cannot be missed. */
  request(key: EventKey, { timeout, recall, signal }: ResolvedWait, start: Start): Promise<Args> {
    const refusal = this.#refusal(signal)
    if (refusal !== undefined) return handledRejection(refusal.error)
    const entry = this.#obtain(key)
    const now = this.#now()
    const request = new Request([entry, key.id, timeout, now, this.#recalls(entry, recall)], start, (failed, error) => {
      this.#reject(failed, 'aborted', () => given(error))
    })
    this.#add(request, now, signal)
    request.registered()
    return request.promise
  }

  stream(key: EventKey, { recall, signal, ...options }: ResolvedStream): Reader {
    const refusal = this.#refusal(signal)
    if (refusal !== undefined) return refusedReader(refusal.error)
    const entry = this.#obtain(key)
    const recalls = this.#recalls(entry, recall)
    const stream = new Stream(entry, key.id, this.#now(), { ...options, recalls }, (stopped) => {
      this.#end(stopped, 'returned')
    })
    this.#host.telling.streamStarted(stream)
    entry.add(stream)
    this.#register(stream, signal)
    return stream.reader
  }

  #add(wait: NameWait, now: number, signal: AbortSignal | undefined): void {
    this.#host.telling.waitStarted(wait, now)
    wait.entry.add(wait)
    this.#register(wait, signal)
  }

  /** Before anything is registered. */
  #refusal(signal: AbortSignal | undefined): { readonly error: unknown } | undefined {
    if (signal?.aborted === true) return { error: reasonOf(signal) }
    if (this.count < this.#options.maxPending) return undefined
    return {
      error: new TooManyWaitsError(`${this.count} waits are pending, which is maxPending: shed load, or raise it`),
    }
  }

  #obtain({ name }: EventKey): NameEntry {
    const { subscriptions } = this.#host
    subscriptions.desire()
    return subscriptions.obtain(name)
  }

  #recalls({ name }: NameEntry, recall: boolean): boolean {
    return recall && this.#recall !== undefined && this.#options.keepFor(name) > 0
  }

  #register(item: NamePending, signal: AbortSignal | undefined): void {
    const { subscriptions, outputStore } = this.#host
    this.count++
    this.#deadlines.add(item)
    const subscription = subscriptions.of(item.entry, item.id)
    subscription.acquire()
    if (signal !== undefined) this.#listenFor(item, signal)
    if (item.has(SETTLED)) return
    if (subscription.state === 'standing' && outputStore.state !== 'down') this.#confirm(item)
    if (item.has(RECALLS)) this.#recall?.guardBy(() => this.#kept())
  }

  #listenFor(item: NamePending, signal: AbortSignal): void {
    try {
      this.#aborts.add(item, signal)
    } catch (error) {
      const what = error instanceof Error ? error.name : typeof error
      this.#reject(item, 'aborted', () => new InvalidArgumentError(`signal threw ${what}: it must be an AbortSignal`))
    }
    // Whoever heard of the start on diagnostics_channel may have aborted it: nobody is told of that again.
    if (signal.aborted) this.#reject(item, 'aborted', () => given(reasonOf(signal)))
  }

  /** Their subscription stands on this connection: from here on a miss means that the event is still to come. */
  confirmed(items: Iterable<NamePending>): void {
    for (const item of items) this.#confirm(item)
  }

  /** The broker refuses their subscription, or what was kept for them. */
  refused(items: readonly NamePending[], error: unknown): void {
    for (const item of items) this.#reject(item, 'refused', () => fromTransport(error))
  }

  /** The subscriptions stand again on a new connection: what was kept meanwhile is looked up. */
  restored(): void {
    const { subscriptions } = this.#host
    const kept: NamePending[] = []
    for (const item of subscriptions.pending()) {
      if (subscriptions.of(item.entry, item.id).state !== 'standing') continue
      item.subscribed()
      if (item.has(RECALLS)) kept.push(item)
    }
    this.#recall?.restored(kept)
  }

  /** To what is registered for it. */
  deliver(reading: Reading, waits: readonly NameWait[], streams: readonly NameStream[]): void {
    const { dispatch } = this.#host
    dispatch.to(reading, waits, this.#waitsBy.event)
    if (streams.length === 0) return
    for (const stream of streams) stream.saw(reading.message, this.#recall?.asked ?? 0)
    dispatch.to(reading, streams, this.#streams)
  }

  /** Ends everything. */
  close(makeError: () => unknown): void {
    for (const item of [...this.#host.subscriptions.pending()]) this.#reject(item, 'closed', makeError)
    this.#deadlines.close()
    this.#recall?.close()
  }

  #confirm(item: NamePending): void {
    item.subscribed()
    if (item.has(RECALLS)) this.#recall?.ask(item, 'recall')
  }

  #due(item: NamePending): void {
    if (!item.has(LOOKED_LAST)) {
      const { deadline } = item
      item.bits |= LOOKED_LAST
      this.#deadlines.postpone(item, deadline)
      this.#recall?.ask(item, 'backstop')
      return
    }
    const details = {
      event: item.entry.name,
      id: item.id,
      timeout: item.timeout,
      subscribed: item.has(SUBSCRIBED),
      disconnected: Math.min(item.timeout, this.#host.outputStore.missing(item.due - item.timeout, item.due)),
      recalled: item.has(ANSWERED) ? 'answered' : item.has(ASKED) ? 'unanswered' : 'never',
    } as const
    if (item instanceof Wait) this.#host.telling.timedOut(details)
    this.#reject(item, 'timeout', () => new TimeoutError(details))
  }

  /** An event came to a stream. */
  #read(stream: NameStream, args: Args): void {
    // The `until` of another stream may have ended this one.
    if (stream.has(SETTLED)) return
    const { entry, id, reader } = stream
    if (reader.unread >= stream.buffer) {
      const full = `the stream of event ${quoted(entry.name)} with id ${quoted(id)} has ${reader.unread} unread events`
      this.#reject(stream, 'overflow', () => new OverflowError(`${full}, and buffer holds no more: read faster`))
      return
    }
    reader.push(args)
    this.#deadlines.remove(stream)
    stream.restart(this.#now())
    this.#deadlines.add(stream)
    try {
      if (stream.isLast(args) && this.#end(stream, 'until')) reader.end(undefined, false)
    } catch (error) {
      this.#reject(stream, 'threw', () => given(error))
    }
  }

  #reject(item: NamePending, outcome: Outcome | StreamOutcome, makeError: () => unknown): void {
    if (this.#end(item, outcome)) item.reject(makeError, outcome)
  }

  /** The one place where a wait or stream ends. */
  #end(item: NamePending, outcome: Outcome | StreamOutcome): boolean {
    if (item.has(SETTLED)) return false
    item.bits |= SETTLED
    this.count--
    item.entry.remove(item)
    this.#deadlines.remove(item)
    this.#aborts.remove(item)
    this.#host.subscriptions.of(item.entry, item.id).release()
    // Those of a wait are none of a stream's own, nor the other way round.
    if (isStream(item)) this.#host.telling.streamEnded(item, outcome as StreamOutcome, this.#now)
    else {
      this.settled[outcome as Outcome]++
      this.#host.telling.waitSettled(item, outcome as Outcome, this.#now)
    }
    this.whenOneEnds?.(item, outcome)
    if (this.count === 0) this.whenNothingPends?.()
    return true
  }

  #waitsSettledBy(way: 'event' | Way): Recipient<NameWait> {
    return {
      event: (wait, args) => {
        if (this.#end(wait, way)) wait.resolve(args)
      },
      failure: (wait, failure) => {
        this.#reject(wait, 'failure', () => new RemoteError(failure))
      },
    }
  }

  *#kept(): Generator<NamePending> {
    for (const item of this.#host.subscriptions.pending()) if (item.has(RECALLS)) yield item
  }
}
