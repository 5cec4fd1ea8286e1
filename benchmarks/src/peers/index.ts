import type { RedisTransportOptions } from '@server-events/redis'
import { bullmq } from './bullmq'
import { byHand } from './by-hand'
import { natsByHand } from './nats'
import { ours } from './ours'
import type { Peer } from './peer'

/** What is measured: sent to the child processes as JSON. */
export interface PeerSpec {
  readonly kind: 'ours' | 'by-hand' | 'nats' | 'bullmq'
  readonly url: string
  readonly keep?: boolean
  readonly transport?: RedisTransportOptions
  /** Major of ioredis; 5 by default. */
  readonly ioredis?: 5 | 6
}

export function peerOf({ kind, url, keep = false, transport = {} }: PeerSpec): Peer {
  switch (kind) {
    case 'ours':
      return ours(url, transport, keep)
    case 'by-hand':
      return byHand(url, keep)
    case 'nats':
      return natsByHand(url)
    case 'bullmq':
      return bullmq(url)
  }
}
