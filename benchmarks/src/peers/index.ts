import type { Peer } from './peer'
import type { PeerSpec } from './spec'

/** Loads no peer but the one that is measured. */
export async function peerOf(spec: PeerSpec): Promise<Peer> {
  const { kind, url, keep = false } = spec
  switch (kind) {
    case 'ours':
      return (await import('./ours.js')).ours(spec)
    case 'by-hand':
      return (await import('./by-hand.js')).byHand(url, keep)
    case 'nats':
      return (await import('./nats.js')).natsByHand(url)
    case 'bullmq':
      return (await import('./bullmq.js')).bullmq(url)
    case 'relay':
      return (await import('./relay.js')).relay(url, keep)
    case 'floor':
      return (await import('./floor.js')).floor()
  }
}
