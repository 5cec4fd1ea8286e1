import { homeOf } from 'server-events'
import type { EventKey } from 'server-events'
import { keyOf } from './outcomes/key'
import { channelOfHome, channelOfId, patternAround } from './wire/channels'
import { channelOf } from './wire/v2'

/** What an event is on the server. */
export interface RedisNames {
  /** Where `channels: 'pattern'` and `'name'` emit, and where `'name'` waits. */
  readonly channel: string
  /** What `channels: 'pattern'` waits by, and `'id'` listens by. In access rules it stands literally. */
  readonly pattern: string
  /** Where `channels: 'id'` emits and waits; of an id with a label that of its home, where all modes emit it. */
  readonly idChannel: string
  /** Where its outcome is kept. */
  readonly key: string
}

/** The channels and the key of an event, as the server sees them: for access rules, and for tools. */
export function redisNamesOf(key: EventKey, prefix = 'se:'): RedisNames {
  const channel = channelOf(prefix, key.name)
  const home = homeOf(key.id)
  const idChannel = home === undefined ? channelOfId(prefix, key) : channelOfHome(prefix, key.name, home)
  return { channel, pattern: patternAround(channel), idChannel, key: keyOf(prefix, key) }
}
