import { UnsupportedError } from 'server-events'
import type { EventKey, Message, Receiver, Topic } from 'server-events'
import { quoted } from './errors'
import type { Settings } from './options'
import { byBothPatterns, ById, byName, byPattern, channelOfId } from './routes'
import type { Route } from './routes'
import { channelOf, joinLines, lineOf } from './wire'
import { channelOf1x, payloadOf1x } from './wire-1.x'

/** A message as it will be written. */
export interface Encoded {
  readonly channel: string
  /** A line for a frame or, if `alone`, the payload itself. */
  readonly text: string
  readonly alone: boolean
}

/** Which wires are spoken, and which are heard; and on which channels. */
export interface Dialect {
  /** @throws UnsupportedError if events of this name cannot be told from others */
  check(name: string): void
  /** @throws UnsupportedError */
  encode(key: EventKey, message: Message): Encoded
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
  return {
    check,

    encode(key, message) {
      check(key.name)
      // 1.x has no failures: they travel in wire 2, which its peers do not hear.
      if (wire === '1.x' && message.kind === 'event')
        return { channel: channelOf1x(key), text: payloadOf1x(key, message), alone: true }
      if (channels === 'id')
        return { channel: channelOfId(prefix, key), text: joinLines([lineOf(key, message)]), alone: true }
      return { channel: channelOf(prefix, key.name), text: lineOf(key, message), alone: false }
    },

    route({ name, id }, receiver) {
      if (wire !== '2') return byBothPatterns(prefix, name, receiver)
      if (channels === 'name') return byName(prefix, name, receiver)
      if (channels === 'id' && id !== undefined) return new ById(prefix, name, id, receiver)
      return byPattern(prefix, name, receiver)
    },
  }
}
