import { channel } from 'node:diagnostics_channel'
import type { ServerEventsError, TimeoutDetails } from '../errors'
import type { EventKey, Message, Side, Topic } from '../transport'
import type { Outcome, StreamOutcome, Way } from './stats'

/** Every message says of which instance it is: its option `name`, or else a number of its own in this process. */
interface Instance {
  readonly instance: string | number
}

interface About extends Instance {
  readonly name: string
  readonly id: string
}

interface Carried extends About {
  readonly kind: Message['kind']
  /** Of the body, in bytes. */
  readonly bytes: number
  readonly kept: boolean | undefined
  /** What option `headers` gave at the producer. */
  readonly headers: Readonly<Record<string, string>> | undefined
}

interface Recipients {
  readonly waits: number
  readonly streams: number
  readonly listeners: number
}

/** Which wait of several on one event: the same number at its start and its end. */
interface OfWait {
  readonly wait: number
}

/**
 * The channels of `node:diagnostics_channel` that are published to, and the messages of each. No
 * message holds args; all durations are ms.
 */
export interface Diagnostics {
  'server-events:wait:start': About & OfWait & { readonly timeout: number }
  /** `wait` is undefined if nobody heard of its start. */
  'server-events:wait:settle': About & {
    readonly wait: number | undefined
    readonly way: Outcome
    readonly duration: number
  }
  'server-events:wait:timeout': Instance & Omit<TimeoutDetails, 'event'> & { readonly name: string }
  'server-events:stream:start': About & { readonly timeout: number }
  'server-events:stream:end': About & {
    readonly way: StreamOutcome
    readonly duration: number
    /** How many it got. */
    readonly events: number
  }
  /** An emit or fail is about to leave. What a subscriber puts into `headers` travels along. */
  'server-events:event:send': About & { readonly kind: Message['kind']; readonly headers: Record<string, string> }
  /** An emit or fail has settled; `error` is what it rejected with. */
  'server-events:event:emit': Carried & {
    /** From the call on; undefined when nobody had subscribed then. */
    readonly duration: number | undefined
    readonly error: ServerEventsError | undefined
  }
  /** A message is about to go to so many waits, streams and listeners: as it came, or as it was recalled. */
  'server-events:event:receive': Carried & Recipients & { readonly way: 'event' | Way }
  /** A message that cannot be read or does not validate; what the transport cannot read has no name and id. */
  'server-events:event:drop': Instance & {
    readonly name: string | undefined
    readonly id: string | undefined
    readonly error: ServerEventsError
  }
  /** A listener is about to be called. A subscriber may put a function around `call`, which it has to call itself. */
  'server-events:listener:call': About & {
    readonly headers: Readonly<Record<string, string>> | undefined
    /** Calls the listener, and returns what it returns. */
    call: () => unknown
  }
  /** A listener threw or rejected, with this. */
  'server-events:listener:error': About & { readonly error: unknown }
  'server-events:store:up': Instance & { readonly store: Side }
  'server-events:store:down': Instance & { readonly store: Side; readonly error: ServerEventsError }
  'server-events:topic:lost': Instance & {
    readonly name: string
    /** Undefined for a home, or for the whole name. */
    readonly id: string | undefined
    /** The label of a home, as `homeOf` gives it. */
    readonly home: string | undefined
    readonly error: ServerEventsError
  }
}

interface DiagnosticsChannel<M> {
  readonly hasSubscribers: boolean
  publish(message: M): void
}

function open<N extends keyof Diagnostics>(name: N): DiagnosticsChannel<Diagnostics[N]> {
  return channel(name)
}

/** Each is asked for subscribers before a message is made: without them it costs the question. */
export const channels = {
  waitStart: open('server-events:wait:start'),
  waitSettle: open('server-events:wait:settle'),
  waitTimeout: open('server-events:wait:timeout'),
  streamStart: open('server-events:stream:start'),
  streamEnd: open('server-events:stream:end'),
  send: open('server-events:event:send'),
  emit: open('server-events:event:emit'),
  receive: open('server-events:event:receive'),
  drop: open('server-events:event:drop'),
  listenerCall: open('server-events:listener:call'),
  listenerError: open('server-events:listener:error'),
  up: open('server-events:store:up'),
  down: open('server-events:store:down'),
  lost: open('server-events:topic:lost'),
}

/** A wait or stream, as far as it is told of. */
interface Told {
  readonly entry: { readonly name: string }
  readonly id: string
  readonly timeout: number
}

/** How many instances without a name there were in this process, and how many waits that somebody heard of. */
let instances = 0
let waits = 0

/** When a wait began, and its number. Not in the wait: that would cost all of them. */
const beginnings = new WeakMap<Told, { readonly began: number; readonly wait: number }>()

/** Publishes what happens in one instance. */
export class Telling {
  readonly instance: string | number

  constructor(name: string | undefined) {
    this.instance = name ?? ++instances
  }

  waitStarted(wait: Told, now: number): void {
    const { waitStart, waitSettle } = channels
    if (!waitStart.hasSubscribers && !waitSettle.hasSubscribers) return
    const number = ++waits
    if (waitSettle.hasSubscribers) beginnings.set(wait, { began: now, wait: number })
    if (waitStart.hasSubscribers) waitStart.publish({ ...this.#about(wait), wait: number, timeout: wait.timeout })
  }

  waitSettled(wait: Told & { readonly deadline: number }, way: Outcome, now: () => number): void {
    if (!channels.waitSettle.hasSubscribers) return
    // For one that began before anybody subscribed: to the ms, from its deadline.
    const { began, wait: number } = beginnings.get(wait) ?? { began: wait.deadline - wait.timeout, wait: undefined }
    const duration = Math.max(0, now() - began)
    channels.waitSettle.publish({ ...this.#about(wait), wait: number, way, duration })
  }

  streamStarted(stream: Told): void {
    if (!channels.streamStart.hasSubscribers) return
    channels.streamStart.publish({ ...this.#about(stream), timeout: stream.timeout })
  }

  streamEnded(
    stream: Told & { readonly began: number; readonly events: number },
    way: StreamOutcome,
    now: () => number,
  ): void {
    if (!channels.streamEnd.hasSubscribers) return
    const { began, events } = stream
    channels.streamEnd.publish({ ...this.#about(stream), way, duration: now() - began, events })
  }

  timedOut({ event, ...details }: TimeoutDetails): void {
    if (!channels.waitTimeout.hasSubscribers) return
    channels.waitTimeout.publish({ instance: this.instance, name: event, ...details })
  }

  /** The headers of an emit or fail, with what subscribers put into them. */
  sending(key: EventKey, kind: Message['kind'], headers: Message['headers']): Message['headers'] {
    if (!channels.send.hasSubscribers) return headers
    // The object that is told at the end of the emit as well, so that a subscriber can know it again.
    const own: Record<string, string> = { ...headers }
    channels.send.publish({ instance: this.instance, name: key.name, id: key.id, kind, headers: own })
    // Whoever looks on must not make an emit fail.
    for (const [name, value] of Object.entries<unknown>(own))
      if (typeof value !== 'string') Reflect.deleteProperty(own, name)
    return Object.keys(own).length === 0 ? undefined : own
  }

  /** `began`: when it was asked for, if somebody subscribed before. */
  emitted(key: EventKey, message: Message, began: number | undefined, error: ServerEventsError | undefined): void {
    if (!channels.emit.hasSubscribers) return
    const duration = began === undefined ? undefined : performance.now() - began
    const { name, id } = key
    channels.emit.publish({ instance: this.instance, name, id, ...carried(message), duration, error })
  }

  /** To be called when `channels.receive` has subscribers: the counts are made for it alone. */
  received({ name, id }: EventKey, message: Message, way: 'event' | Way, counts: Recipients): void {
    if (counts.waits + counts.streams + counts.listeners === 0) return
    channels.receive.publish({ instance: this.instance, name, id, ...carried(message), way, ...counts })
  }

  dropped({ name, id }: Partial<EventKey>, error: ServerEventsError): void {
    if (channels.drop.hasSubscribers) channels.drop.publish({ instance: this.instance, name, id, error })
  }

  /** Calls a listener, by way of whoever puts something around it. */
  calling({ name, id }: EventKey, { headers }: Message, call: () => unknown): unknown {
    if (!channels.listenerCall.hasSubscribers) return call()
    const told = { instance: this.instance, name, id, headers, call }
    channels.listenerCall.publish(told)
    return told.call()
  }

  listenerFailed({ name, id }: EventKey, error: unknown): void {
    if (channels.listenerError.hasSubscribers)
      channels.listenerError.publish({ instance: this.instance, name, id, error })
  }

  up(store: Side): void {
    if (channels.up.hasSubscribers) channels.up.publish({ instance: this.instance, store })
  }

  down(store: Side, error: ServerEventsError): void {
    if (channels.down.hasSubscribers) channels.down.publish({ instance: this.instance, store, error })
  }

  lost({ name, id, home }: Topic, error: () => ServerEventsError): void {
    if (channels.lost.hasSubscribers) channels.lost.publish({ instance: this.instance, name, id, home, error: error() })
  }

  #about({ entry, id }: Told): About {
    return { instance: this.instance, name: entry.name, id }
  }
}

function carried({ kind, body, kept, headers }: Message): Omit<Carried, keyof About> {
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  return { kind, bytes, kept, headers }
}
