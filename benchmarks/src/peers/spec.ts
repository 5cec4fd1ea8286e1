import type { RedisTransportOptions } from '@server-events/redis'

export type Mode = NonNullable<RedisTransportOptions['channels']>

/** What is measured: sent to the child processes as JSON. */
export interface PeerSpec {
  readonly kind: 'ours' | 'by-hand' | 'nats' | 'bullmq' | 'relay' | 'floor'
  readonly url: string
  readonly keep?: boolean
  /** Whether the first outcome is the one that is kept; of ours. */
  readonly once?: boolean
  /** Whether messages are sealed; of ours. */
  readonly sealed?: boolean
  /** Whether spans and metrics are made of it; of ours. */
  readonly traced?: boolean
  /** Whether ids are of the server that waits for them, as `createId` makes them; of ours, with channels by id. */
  readonly homes?: boolean
  /** Whether ids are as long as those of homes; of ours. */
  readonly longIds?: boolean
  /** The folder of another build of the repository; of ours, which is the one that runs by default. */
  readonly build?: string
  /** Major of ioredis; 5 by default. */
  readonly ioredis?: 5 | 6
  /** Processes that listen to the name; 1 by default. */
  readonly servers?: number
  /** How many of them wait; all by default. */
  readonly waiting?: number
  /** Events that nobody waits for, emitted beside each one that is waited for. */
  readonly unasked?: number
  /** Whether ours goes over PostgreSQL. */
  readonly postgres?: boolean
  /** Of ours, over Redis. */
  readonly transport?: RedisTransportOptions
  /** How many names ours listens to; 1 by default. */
  readonly names?: number
  /** Whether the waits go round over these names; else all are on one of them. */
  readonly spread?: boolean
  /** Waits of ours that are pending beside those that are measured. */
  readonly pending?: number
}
