import { UnsupportedError } from 'server-events'
import type { EventKey, Message, Receiver, Topic } from 'server-events'
import { quoted } from './errors'
import type { Settings } from './options'
import { byBothPatterns, ById, byName, byPattern, channelOfId } from './routes'
import type { Route } from './routes'
import { channelOf, joinLines, lineOf } from './wire'
import { channelOf1x, payloadOf1x } from './wire-1.x'

/** Which wires are spoken, and which are heard; and on which channels. */
export interface Dialect {
  /** @throws UnsupportedError if events of this name cannot be told from others */
  check(name: string): void
  /** Whether it cannot share a frame: what `encode` makes is then the whole payload. */
  isLone(message: Message): boolean
  /**
   * A line for a frame, or a payload.
   * @throws UnsupportedError
   */
  encode(key: EventKey, message: Message): string
  /** Where it is published. */
  channelOf(key: EventKey, message: Message): string
  route(topic: Topic, receiver: Receiver): Route
}

export function dialectOf({ prefix, channels, wire }: Pick<Settings, 'prefix' | 'channels' | 'wire'>): Dialect {
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

    isLone: (message) => channels === 'id' || isFormer(message),

    encode(key, message) {
      check(key.name)
      if (isFormer(message)) return payloadOf1x(key, message)
      const line = lineOf(key, message)
      return channels === 'id' ? joinLines([line]) : line
    },

    channelOf(key, message) {
      if (isFormer(message)) return channelOf1x(key)
      return channels === 'id' ? channelOfId(prefix, key) : channelOf(prefix, key.name)
    },

    route({ name, id }, receiver) {
      if (wire !== '2') return byBothPatterns(prefix, name, receiver)
      if (channels === 'name') return byName(prefix, name, receiver)
      if (channels === 'id' && id !== undefined) return new ById(prefix, name, id, receiver)
      return byPattern(prefix, name, receiver)
    },
  }
}
