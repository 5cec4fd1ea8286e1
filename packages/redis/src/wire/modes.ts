import { homeOf, UnsupportedError } from 'server-events'
import type { EventKey, Message, Receiver, Topic } from 'server-events'
import { quoted } from '../errors'
import type { Settings } from '../options'
import { byAllHomes, byBothPatterns, byHome, ById, byName, byPattern, channelOfHome, channelOfId } from './channels'
import type { Route } from './channels'
import { channelOf, joinLines, lineOf } from './v2'
import { channelOf1x, payloadOf1x } from './v1'

/** Which wires are spoken, and which are heard; and on which channels. */
export interface Modes {
  /** @throws UnsupportedError if events of this name cannot be told from others */
  check(name: string): void
  /** The home that hears an event of this id, whoever emits it; what else is asked of an event is told of it. */
  homeOf(id: string, kind?: Message['kind']): string | undefined
  /** Whether it cannot share a frame: what `encode` makes is then the whole payload. */
  isLone(message: Message, home?: string): boolean
  /**
   * A line for a frame, or a payload.
   * @throws UnsupportedError
   */
  encode(key: EventKey, message: Message, home?: string): string
  /** Where it is published. */
  channelOf(key: EventKey, message: Message, home?: string): string
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
  // 1.x has no failures: they travel in wire 2, which its peers do not hear.
  const isFormer = ({ kind }: Message): boolean => wire === '1.x' && kind === 'event'
  return {
    check,

    // Who speaks to 1.x emits as if there were no homes: what it emits is heard by name. Answers are not for 1.x.
    homeOf: (id, kind) => (wire === '2' || kind === 'answer' ? homeOf(id) : undefined),

    isLone: (message, home) => (channels === 'id' && home === undefined) || isFormer(message),

    encode(key, message, home) {
      check(key.name)
      if (isFormer(message)) return payloadOf1x(key, message)
      const line = lineOf(key, message)
      return channels === 'id' && home === undefined ? joinLines([line]) : line
    },

    channelOf(key, message, home) {
      if (isFormer(message)) return channelOf1x(key)
      if (home !== undefined) return channelOfHome(prefix, key.name, home)
      return channels === 'id' ? channelOfId(prefix, key) : channelOf(prefix, key.name)
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
