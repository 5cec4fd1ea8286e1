import { RedisTransport } from '@server-events/redis'
import { ServerEvents } from 'server-events'
import type { ServerEventsOptions } from 'server-events'

/** What API and worker agree on. */

export interface Job {
  /** How many rows are to be imported. */
  readonly rows: number
  /** For trying things out: how long a row takes, in ms. */
  readonly pace?: number
  /** For trying things out: a row that cannot be imported. */
  readonly broken?: number
  /** For trying things out: the row after which the worker falls silent. */
  readonly silent?: number
}

export interface Progress {
  readonly done: number
  readonly total: number
}

export interface Imports {
  start: [job: Job]
  /** Nobody wants it any more. */
  cancel: []
  progress: [progress: Progress]
}

/**
 * The latest step of a job and its failure are kept: who begins to watch late, or again after a cut, begins with that.
 * In ms. Worker and API server need the same: the one stores, the other looks.
 */
const keep = { progress: 60_000 }

const redisUrl = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379'

export function connect(options: ServerEventsOptions<Imports> = {}): ServerEvents<Imports> {
  // An emit is bounded as a wait is: behind it, too, there is a browser that waits.
  const { timeout: publishTimeout = 5_000 } = options
  const events = new ServerEvents<Imports>(new RedisTransport(redisUrl, { publishTimeout }), { keep, ...options })
  events.onerror((store, error) => console.error(`${store}: ${error.message}`))
  return events
}
