import { channel } from 'node:diagnostics_channel'
import type { ServerEventsError, TimeoutDetails } from '../errors'
import type { Message, Store, Topic } from '../transport'
import type { Outgoing } from './shipment'
import type { Pending } from './pending'
import type { Way } from './recall'
import type { Outcome, StreamOutcome } from './stats'
import type { Stream } from './stream'

interface About {
  readonly name: string
  readonly id: string
}

interface Carried extends About {
  readonly kind: Message['kind']
  /** Of the body, in bytes. */
  readonly bytes: number
  readonly kept: boolean | undefined
  /** What option `headers` gave at the emitter. */
  readonly headers: Readonly<Record<string, string>> | undefined
}

interface Recipients {
  readonly waits: number
  readonly streams: number
  readonly listeners: number
}

/**
 * The channels of `node:diagnostics_channel` that are published to, and the messages of each. No
 * message holds args; all durations are ms.
 */
export interface Diagnostics {
  'server-events:wait:start': About & { readonly timeout: number }
  'server-events:wait:settle': About & { readonly way: Outcome; readonly duration: number }
  'server-events:wait:timeout': Omit<TimeoutDetails, 'event'> & { readonly name: string }
  'server-events:stream:start': About & { readonly timeout: number }
  'server-events:stream:end': About & {
    readonly way: StreamOutcome
    readonly duration: number
    /** How many it got. */
    readonly events: number
  }
  /** An emit or fail has settled; `error` is what it rejected with. */
  'server-events:event:emit': Carried & {
    /** From the call on; undefined when nobody had subscribed then. */
    readonly duration: number | undefined
    readonly error: ServerEventsError | undefined
  }
  /** A message is about to go to so many waits, streams and listeners: as it came, or as it was recalled. */
  'server-events:event:receive': Carried & Recipients & { readonly way: 'event' | Way }
  /** A message that cannot be read or does not validate; what the transport cannot read has no name and id. */
  'server-events:event:drop': {
    readonly name: string | undefined
    readonly id: string | undefined
    readonly error: ServerEventsError
  }
  'server-events:store:up': { readonly store: Store }
  'server-events:store:down': { readonly store: Store; readonly error: ServerEventsError }
  'server-events:topic:lost': {
    readonly name: string
    /** Undefined for the whole name. */
    readonly id: string | undefined
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
  emit: open('server-events:event:emit'),
  receive: open('server-events:event:receive'),
  drop: open('server-events:event:drop'),
  up: open('server-events:store:up'),
  down: open('server-events:store:down'),
  lost: open('server-events:topic:lost'),
}

/** When waits began that somebody will hear the duration of. Not in the wait: that would cost all of them. */
const beginnings = new WeakMap<Pending, number>()

export function waitStarted(wait: Pending, now: number): void {
  if (channels.waitSettle.hasSubscribers) beginnings.set(wait, now)
  if (!channels.waitStart.hasSubscribers) return
  channels.waitStart.publish({ name: wait.name.name, id: wait.id, timeout: wait.timeout })
}

export function waitSettled(wait: Pending, way: Outcome, now: () => number): void {
  if (!channels.waitSettle.hasSubscribers) return
  // For one that began before anybody subscribed: to the ms, from its deadline.
  const began = beginnings.get(wait) ?? wait.deadline - wait.timeout
  const duration = Math.max(0, now() - began)
  channels.waitSettle.publish({ name: wait.name.name, id: wait.id, way, duration })
}

export function streamStarted({ name, id, timeout }: Stream): void {
  if (channels.streamStart.hasSubscribers) channels.streamStart.publish({ name: name.name, id, timeout })
}

export function streamEnded({ name, id, began, events }: Stream, way: StreamOutcome, now: () => number): void {
  if (!channels.streamEnd.hasSubscribers) return
  channels.streamEnd.publish({ name: name.name, id, way, duration: now() - began, events })
}

export function timedOut({ event, ...details }: TimeoutDetails): void {
  channels.waitTimeout.publish({ name: event, ...details })
}

export function emitted({ key, message, began }: Outgoing, error: ServerEventsError | undefined): void {
  if (!channels.emit.hasSubscribers) return
  const duration = began === undefined ? undefined : performance.now() - began
  channels.emit.publish({ name: key.name, id: key.id, ...carried(message), duration, error })
}

/** To be called when `channels.receive` has subscribers: the counts are made for it alone. */
export function received(key: About, message: Message, way: 'event' | Way, counts: Recipients): void {
  if (counts.waits + counts.streams + counts.listeners === 0) return
  channels.receive.publish({ name: key.name, id: key.id, ...carried(message), way, ...counts })
}

export function dropped(key: Partial<About>, error: ServerEventsError): void {
  if (channels.drop.hasSubscribers) channels.drop.publish({ name: key.name, id: key.id, error })
}

export function lost({ name, id }: Topic, error: () => ServerEventsError): void {
  if (channels.lost.hasSubscribers) channels.lost.publish({ name, id, error: error() })
}

function carried({ kind, body, kept, headers }: Message): Omit<Carried, keyof About> {
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  return { kind, bytes, kept, headers }
}
