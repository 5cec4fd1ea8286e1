import { homeOf, UnsupportedError } from 'server-events'
import type { EventKey, Message, Receiver, Topic } from 'server-events'
import { quoted } from '../errors'
import type { Settings } from '../options'
import { byAllHomes, byBothPatterns, byHome, ById, byName, byPattern, channelOfHome, channelOfId } from './channels'
import type { Route } from './channels'
import { channelOf, joinLines, lineOf } from './v2'
import { channelOf1x, payloadOf1x } from './v1'

/** An event as it leaves. */
export interface Outgoing {
  /** The home that hears it, whoever emits it. */
  readonly home: string | undefined
  /** A line for a frame; of a lone one the whole payload. */
  readonly text: string
  /** It cannot share a frame. */
  readonly lone: boolean
}

/** Which wires are spoken, and which are heard; and on which channels. */
export interface Modes {
  /** @throws UnsupportedError if events of this name cannot be told from others */
  check(name: string): void
  /** The home that hears an event or a failure of this id, whoever emits it. */
  homeOf(id: string): string | undefined
  /** @throws UnsupportedError */
  encode(key: EventKey, message: Message): Outgoing
  /** Where it is published. */
  readonly channelOf: (key: EventKey, outgoing: Outgoing) => string
  route(topic: Topic, receiver: Receiver): Route
}

export function modesOf({ prefix, channels, wire }: Pick<Settings, 'prefix' | 'channels' | 'wire'>): Modes {
  /** 'foo' in wire 2 and 'se:foo' in 1.x would share channels and patterns. */
  const check = (name: string): void => {
    if (wire !== '2' && name.startsWith(prefix))
      throw new UnsupportedError(
        `with wire ${quoted(wire)} the name of an event must not begin with the prefix: ${quoted(name)}`,
      )
  }
  // Who speaks to 1.x emits as if there were no homes: what it emits is heard by name. Answers are not for 1.x.
  const homeFor = (id: string, kind: Message['kind']): string | undefined =>
    wire === '2' || kind === 'answer' ? homeOf(id) : undefined
  return {
    check,

    homeOf: (id) => homeFor(id, 'event'),

    encode(key, message) {
      check(key.name)
      const home = homeFor(key.id, message.kind)
      // 1.x has no failures: they travel in wire 2, which its peers do not hear.
      if (wire === '1.x' && message.kind === 'event') return { home, text: payloadOf1x(key, message), lone: true }
      const text = lineOf(key, message)
      const lone = channels === 'id' && home === undefined
      return { home, text: lone ? joinLines([text]) : text, lone }
    },

    channelOf(key, { home, lone }) {
      if (home !== undefined) return channelOfHome(prefix, key.name, home)
      if (!lone) return channelOf(prefix, key.name)
      return wire === '1.x' ? channelOf1x(key) : channelOfId(prefix, key)
    },

    route({ name, id, home }, receiver) {
      if (home === '*') return byAllHomes(prefix, name, receiver)
      if (home !== undefined) return byHome(prefix, name, home, receiver)
      if (wire !== '2') return byBothPatterns(prefix, name, receiver)
      if (channels === 'name') return byName(prefix, name, receiver)
      if (channels === 'id' && id !== undefined) return new ById(prefix, name, id, receiver)
      return byPattern(prefix, name, receiver)
    },
  }
}
