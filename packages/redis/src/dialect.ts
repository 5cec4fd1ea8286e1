import { UnsupportedError } from 'server-events'
import type { EventKey, Message, Receiver } from 'server-events'
import { quoted } from './errors'
import type { Settings } from './options'
import { channelOf, escapeGlob, lineOf, readFrame } from './wire'
import { channelOf1x, payloadOf1x, read1x } from './wire-1.x'

/** A message as it will be written. */
export interface Encoded {
  readonly channel: string
  /** A line for a frame or, if `alone`, the payload itself. */
  readonly text: string
  readonly alone: boolean
}

/** A subscription of one event name. */
export interface Route {
  readonly pattern: string
  /** Reads what came on the pattern; never throws. */
  read(channel: string, payload: string): void
}

/** Which wires are spoken, and which are heard. */
export interface Dialect {
  /** @throws UnsupportedError */
  encode(key: EventKey, message: Message): Encoded
  /** @throws UnsupportedError */
  routes(name: string, receiver: Receiver): Route[]
}

export function dialectOf({ prefix, wire }: Pick<Settings, 'prefix' | 'wire'>): Dialect {
  /** 'foo' in wire 2 and 'se:foo' in 1.x would share channels and patterns. */
  const check = (name: string): void => {
    if (wire !== '2' && name.startsWith(prefix))
      throw new UnsupportedError(
        `with wire ${quoted(wire)} the name of an event must not begin with the prefix: ${quoted(name)}`,
      )
  }
  return {
    encode(key, message) {
      check(key.name)
      // 1.x has no failures: they travel in wire 2, which its peers do not hear.
      if (wire === '1.x' && message.kind === 'event')
        return { channel: channelOf1x(key), text: payloadOf1x(key, message), alone: true }
      return { channel: channelOf(prefix, key.name), text: lineOf(key, message), alone: false }
    },

    routes(name, receiver) {
      check(name)
      const channel = channelOf(prefix, name)
      const current: Route = {
        pattern: `${escapeGlob(channel)}*`,
        read: (at, payload) => {
          // Where 1.x is heard: a name that is the start of our prefix, with an id that is the rest.
          if (wire === '2' || !payload.startsWith('[')) readFrame(name, at.slice(channel.length), payload, receiver)
        },
      }
      if (wire === '2') return [current]
      const former: Route = {
        pattern: `${escapeGlob(`${name}:`)}*`,
        read: (at, payload) => read1x(name, at, payload, receiver),
      }
      return [current, former]
    },
  }
}
