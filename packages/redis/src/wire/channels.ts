import type { EventKey, Receiver } from 'server-events'
import { channelOf, encodeName, escapeGlob, readFrame } from './v2'
import { read1x } from './v1'

/** How a topic is subscribed: SUBSCRIBE of channels, or PSUBSCRIBE of patterns. */
export interface Route {
  readonly kind: 'channel' | 'pattern'
  /** What the server is asked for, as it is written to it. */
  readonly asked: readonly string[]
  /** Reads what came by one of them; never throws. */
  read(by: string, channel: string, payload: string): void
}

/** All events of a name, whichever way they were emitted. */
export function byPattern(prefix: string, name: string, receiver: Receiver): Route {
  const channel = channelOf(prefix, name)
  return {
    kind: 'pattern',
    asked: [patternOver(channel)],
    read: (_, at, payload) => readFrame(name, at.slice(channel.length), payload, receiver),
  }
}

/** The same, and the events of 1.x. */
export function byBothPatterns(prefix: string, name: string, receiver: Receiver): Route {
  const current = byPattern(prefix, name, receiver)
  const former = patternOver(`${name}:`)
  return {
    kind: 'pattern',
    asked: [...current.asked, former],
    read: (by, at, payload) => {
      if (by === former) read1x(name, at, payload, receiver)
      // A name of 1.x that is the start of our prefix, with an id that is the rest.
      else if (!payload.startsWith('[')) current.read(by, at, payload)
    },
  }
}

/** The events of a name that come with their id in the frame only. */
export function byName(prefix: string, name: string, receiver: Receiver): Route {
  return byChannel(channelOf(prefix, name), name, receiver)
}

/** The channel of all ids of a home. No id is encoded like that: braces never stay. */
export function channelOfHome(prefix: string, name: string, home: string): string {
  return `${channelOf(prefix, name)}{${home}}`
}

/** The events of a home. */
export function byHome(prefix: string, name: string, home: string, receiver: Receiver): Route {
  return byChannel(channelOfHome(prefix, name, home), name, receiver)
}

/** The events of all homes of a name. */
export function byAllHomes(prefix: string, name: string, receiver: Receiver): Route {
  return {
    kind: 'pattern',
    asked: [patternOver(`${channelOf(prefix, name)}{`)],
    read: (_, __, payload) => readFrame(name, '', payload, receiver),
  }
}

function byChannel(channel: string, name: string, receiver: Receiver): Route {
  return { kind: 'channel', asked: [channel], read: (_, __, payload) => readFrame(name, '', payload, receiver) }
}

/** The channel of one event. */
export function channelOfId(prefix: string, { name, id }: EventKey): string {
  return channelOf(prefix, name) + encodeName(id)
}

/** The events of one id. A class, because there may be a hundred thousand of it. */
export class ById implements Route {
  readonly #name: string
  readonly #id: string
  readonly #receiver: Receiver
  readonly kind = 'channel'
  readonly asked: readonly [string]

  constructor(prefix: string, name: string, id: string, receiver: Receiver) {
    this.#name = name
    this.#id = id
    this.#receiver = receiver
    this.asked = [channelOfId(prefix, { name, id })]
  }

  read(_: string, __: string, payload: string): void {
    readFrame(this.#name, encodeName(this.#id), payload, this.#receiver)
  }
}

/** The pattern that hears all channels of a name, told by one of them. */
export function patternAround(channel: string): string {
  return patternOver(channel.slice(0, channel.lastIndexOf(':') + 1))
}

/** The one that hears all homes of a name, told by the channel of one of them. */
export function patternAroundHome(channel: string): string {
  return patternOver(channel.slice(0, channel.lastIndexOf(':') + 2))
}

function patternOver(beginning: string): string {
  return `${escapeGlob(beginning)}*`
}
