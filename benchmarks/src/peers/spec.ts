import type { RedisTransportOptions } from '@server-events/redis'

export type Mode = NonNullable<RedisTransportOptions['channels']>

/** What is measured: sent to the child processes as JSON. */
export interface PeerSpec {
  readonly kind: 'ours' | 'by-hand' | 'nats' | 'bullmq' | 'floor'
  readonly url: string
  readonly keep?: boolean
  /** Major of ioredis; 5 by default. */
  readonly ioredis?: 5 | 6
  /** Processes that listen to the name; 1 by default. */
  readonly servers?: number
  /** How many of them wait; all by default. */
  readonly waiting?: number
  /** Events that nobody waits for, emitted beside each one that is waited for. */
  readonly unasked?: number
  /** Of ours. */
  readonly transport?: RedisTransportOptions
  /** How many names ours listens to; 1 by default. */
  readonly names?: number
  /** Whether the waits go round over these names; else all are on one of them. */
  readonly spread?: boolean
  /** Waits of ours that are pending beside those that are measured. */
  readonly pending?: number
}
