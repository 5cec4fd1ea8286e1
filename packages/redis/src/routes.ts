import type { EventKey, Receiver } from 'server-events'
import { channelOf, encodeName, escapeGlob, readFrame } from './wire'
import { read1x } from './wire-1.x'

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
  return {
    kind: 'channel',
    asked: [channelOf(prefix, name)],
    read: (_, __, payload) => readFrame(name, '', payload, receiver),
  }
}

/** The channel of one event. */
export function channelOfId(prefix: string, { name, id }: EventKey): string {
  return channelOf(prefix, name) + encodeName(id)
}

/** The events of one id. A class, because there may be a hundred thousand of it. */
export class ById implements Route {
  readonly kind = 'channel'
  readonly asked: readonly [string]

  constructor(
    prefix: string,
    private readonly name: string,
    private readonly id: string,
    private readonly receiver: Receiver,
  ) {
    this.asked = [channelOfId(prefix, { name, id })]
  }

  read(_: string, __: string, payload: string): void {
    readFrame(this.name, encodeName(this.id), payload, this.receiver)
  }
}

/** The pattern that hears all channels of a name, told by one of them. */
export function patternAround(channel: string): string {
  return patternOver(channel.slice(0, channel.lastIndexOf(':') + 1))
}

function patternOver(beginning: string): string {
  return `${escapeGlob(beginning)}*`
}
