import type { Args } from '../contract'
import { OverflowError, RemoteError, TimeoutError, TooManyWaitsError } from '../errors'
import type { EngineOptions, ResolvedStream, ResolvedWait } from '../options'
import { quoted } from '../text'
import type { EventKey, Keeper, Message } from '../transport'
import { Aborts } from './aborts'
import type { Clock } from './clock'
import { channels, received, streamEnded, streamStarted, timedOut, waitSettled, waitStarted } from './diagnostics'
import { Deadlines } from './deadlines'
import type { Dispatch, Recipient } from './dispatch'
import { fromTransport } from './from-transport'
import type { Name } from './names'
import { ANSWERED, ASKED, LOOKED_LAST, RECALLS, SETTLED, SUBSCRIBED, type Pending } from './pending'
import { Recall, type RecallHost, type Way } from './recall'
import { refusedReader, type Reader } from './reader'
import { given, handledRejection } from './rejection'
import { newCounts, type Outcome, type StreamOutcome } from './stats'
import type { StoreHealth } from './stores'
import { Stream } from './stream'
import type { Topics } from './topics'
import { Wait } from './wait'

/** What the waiting is done with. */
interface Around {
  readonly clock: Clock
  readonly topics: Topics
  readonly dispatch: Dispatch
  readonly outputStore: StoreHealth
}

/** All waits and streams, from their registration to their one end. */
export class Waiting {
  /** How many have not ended. */
  count = 0
  /** Called when the last one has ended. */
  whenNothingPends: (() => void) | undefined
  readonly settled = newCounts()
  readonly #options: EngineOptions
  readonly #around: Around
  readonly #recall: Recall | undefined
  readonly #deadlines: Deadlines
  readonly #now = (): number => this.#around.clock.now()
  readonly #aborts = new Aborts((item, reason) => {
    this.#reject(item, 'aborted', () => given(reason))
  })
  readonly #waitsBy = {
    event: this.#waitsSettledBy('event'),
    recall: this.#waitsSettledBy('recall'),
    restored: this.#waitsSettledBy('restored'),
    backstop: this.#waitsSettledBy('backstop'),
  }
  readonly #streams: Recipient<Stream> = {
    event: (stream, args) => {
      this.#read(stream, args)
    },
    failure: (stream, failure) => {
      this.#reject(stream, 'failure', () => new RemoteError(failure))
    },
  }

  constructor(keeper: Keeper | undefined, options: EngineOptions, around: Around) {
    this.#options = options
    this.#around = around
    this.#recall = keeper && new Recall(keeper, around.clock, options.backstop, this.#recallHost())
    this.#deadlines = new Deadlines(around.clock, (item) => {
      this.#due(item)
    })
  }

  wait(key: EventKey, { timeout, recall, signal }: ResolvedWait): Promise<Args> {
    const refusal = this.#refusal(signal)
    if (refusal !== undefined) return handledRejection(refusal.error)
    const name = this.#obtain(key)
    const now = this.#now()
    const wait = new Wait(name, key.id, timeout, now, this.#recalls(name, recall))
    waitStarted(wait, now)
    this.#register(wait, signal)
    return wait.promise
  }

  stream(key: EventKey, { recall, signal, ...options }: ResolvedStream): Reader {
    const refusal = this.#refusal(signal)
    if (refusal !== undefined) return refusedReader(refusal.error)
    const name = this.#obtain(key)
    const recalls = this.#recalls(name, recall)
    const stream = new Stream(name, key.id, this.#now(), { ...options, recalls }, (stopped) => {
      this.#end(stopped, 'returned')
    })
    streamStarted(stream)
    this.#register(stream, signal)
    return stream.reader
  }

  /** Before anything is registered. */
  #refusal(signal: AbortSignal | undefined): { readonly error: unknown } | undefined {
    if (signal?.aborted === true) return { error: signal.reason }
    if (this.count < this.#options.maxPending) return undefined
    return {
      error: new TooManyWaitsError(`${this.count} waits are pending, which is maxPending: shed load, or raise it`),
    }
  }

  #obtain({ name }: EventKey): Name {
    const { topics } = this.#around
    topics.desire()
    return topics.obtain(name)
  }

  #recalls({ name }: Name, recall: boolean): boolean {
    return recall && this.#recall !== undefined && this.#options.keepFor(name) > 0
  }

  #register(item: Pending, signal: AbortSignal | undefined): void {
    const { topics, outputStore } = this.#around
    this.count++
    item.register()
    this.#deadlines.add(item)
    if (signal !== undefined) this.#aborts.add(item, signal)
    const subscription = topics.of(item.name, item.id)
    subscription.acquire()
    if (subscription.state === 'standing' && outputStore.state !== 'down') this.#confirm(item)
    if (item.has(RECALLS)) this.#recall?.guardBy(() => this.#kept())
  }

  /** Their subscription stands on this connection: from here on a miss means that the event is still to come. */
  confirmed(items: Iterable<Pending>): void {
    for (const item of items) this.#confirm(item)
  }

  /** The broker refuses their subscription, or what was kept for them. */
  refused(items: readonly Pending[], error: unknown): void {
    for (const item of items) this.#reject(item, 'refused', () => fromTransport(error))
  }

  /** The subscriptions stand again on a new connection: what was kept meanwhile is looked up. */
  restored(): void {
    const { topics } = this.#around
    const kept: Pending[] = []
    for (const item of topics.pending()) {
      if (topics.of(item.name, item.id).state !== 'standing') continue
      item.subscribed()
      if (item.has(RECALLS)) kept.push(item)
    }
    this.#recall?.restored(kept)
  }

  deliver(name: Name, key: EventKey, message: Message): void {
    const { dispatch } = this.#around
    dispatch.to(key, message, name.waits.of(key.id), this.#waitsBy.event)
    if (name.streams.size === 0) return
    const streams = name.streams.of(key.id)
    for (const stream of streams) stream.saw(message, this.#recall?.asked ?? 0)
    dispatch.to(key, message, streams, this.#streams)
  }

  /** Ends everything. */
  close(makeError: () => unknown): void {
    for (const item of [...this.#around.topics.pending()]) this.#reject(item, 'closed', makeError)
    this.#deadlines.close()
    this.#recall?.close()
  }

  #confirm(item: Pending): void {
    item.subscribed()
    if (item.has(RECALLS)) this.#recall?.ask(item, 'recall')
  }

  #due(item: Pending): void {
    if (!item.has(LOOKED_LAST)) {
      const { deadline } = item
      item.bits |= LOOKED_LAST
      this.#deadlines.postpone(item, deadline)
      this.#recall?.ask(item, 'backstop')
      return
    }
    const details = {
      event: item.name.name,
      id: item.id,
      timeout: item.timeout,
      subscribed: item.has(SUBSCRIBED),
      disconnected: Math.min(item.timeout, this.#around.outputStore.missing(item.due - item.timeout, item.due)),
      recalled: item.has(ANSWERED) ? 'answered' : item.has(ASKED) ? 'unanswered' : 'never',
    } as const
    if (channels.waitTimeout.hasSubscribers && item instanceof Wait) timedOut(details)
    this.#reject(item, 'timeout', () => new TimeoutError(details))
  }

  /** An event came to a stream. */
  #read(stream: Stream, args: Args): void {
    // The `until` of another stream may have ended this one.
    if (stream.has(SETTLED)) return
    const { name, id, reader } = stream
    if (reader.unread >= stream.buffer) {
      const full = `the stream of event ${quoted(name.name)} with id ${quoted(id)} has ${reader.unread} unread events`
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

  #reject(item: Pending, outcome: Outcome | StreamOutcome, makeError: () => unknown): void {
    if (this.#end(item, outcome)) item.reject(makeError, outcome)
  }

  /** The one place where a wait or stream ends. */
  #end(item: Pending, outcome: Outcome | StreamOutcome): boolean {
    if (item.has(SETTLED)) return false
    item.bits |= SETTLED
    this.count--
    item.unregister()
    this.#deadlines.remove(item)
    this.#aborts.remove(item)
    this.#around.topics.of(item.name, item.id).release()
    // Those of a wait are none of a stream's own, nor the other way round.
    if (item instanceof Stream) streamEnded(item, outcome as StreamOutcome, this.#now)
    else {
      this.settled[outcome as Outcome]++
      waitSettled(item, outcome as Outcome, this.#now)
    }
    if (this.count === 0) this.whenNothingPends?.()
    return true
  }

  #waitsSettledBy(way: 'event' | Way): Recipient<Wait> {
    return {
      event: (wait, args) => {
        if (this.#end(wait, way)) wait.resolve(args)
      },
      failure: (wait, failure) => {
        this.#reject(wait, 'failure', () => new RemoteError(failure))
      },
    }
  }

  *#kept(): Generator<Pending> {
    for (const item of this.#around.topics.pending()) if (item.has(RECALLS)) yield item
  }

  #recallHost(): RecallHost {
    // Of now, not those that asked: an entry may have gone and come again while the store was asked.
    return {
      hit: (key, message, way, asked) => {
        const name = this.#around.topics.find(key.name)
        if (name === undefined) return
        const { dispatch } = this.#around
        const waits = name.waits.of(key.id).filter(recalls)
        const streams = name.streams.of(key.id).filter((stream) => recalls(stream) && stream.lacks(message, asked))
        for (const stream of streams) stream.saw(message, asked)
        if (channels.receive.hasSubscribers) {
          received(key, message, way, { waits: waits.length, streams: streams.length, listeners: 0 })
        }
        dispatch.to(key, message, waits, this.#waitsBy[way])
        dispatch.to(key, message, streams, this.#streams)
      },
      forbidden: (key, error) => {
        this.refused((this.#around.topics.find(key.name)?.pendingFor(key.id) ?? []).filter(recalls), error)
      },
    }
  }
}

function recalls(item: Pending): boolean {
  return item.has(RECALLS)
}
