import type { EventKey, Topic } from 'server-events'
import type { Peer } from '../peer'

/** What the engine would subscribe for a wait on this key. */
export function topicOf({ transport }: Peer, { name, id }: EventKey): Topic {
  return transport.routing === 'id' ? { name, id } : { name }
}
