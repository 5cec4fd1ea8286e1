import { homeOf } from 'server-events'
import type { EventKey, Topic } from 'server-events'
import type { Peer } from '../peer'

/** What the engine would subscribe for a wait on this key. */
export function topicOf({ transport }: Peer, { name, id }: EventKey): Topic {
  const home = transport.homes === true ? homeOf(id) : undefined
  if (home !== undefined) return { name, home }
  return transport.routing === 'id' ? { name, id } : { name }
}

/** What the engine would subscribe for a listener of this name. */
export function allOf({ transport: { routing, homes } }: Peer, name: string): Topic[] {
  return homes === true && routing === 'name' ? [{ name }, { name, home: '*' }] : [{ name }]
}

/** What the engine would subscribe for waits on all of these: each topic once. */
export function topicsOf(peer: Peer, keys: readonly EventKey[]): Topic[] {
  return [...new Map(keys.map((key) => topicOf(peer, key)).map((topic) => [JSON.stringify(topic), topic])).values()]
}
