import { MemoryTransport } from '@server-events/memory'
import { RedisTransport } from '@server-events/redis'
import { ServerEvents } from 'server-events'
import type { ServerEventsOptions } from 'server-events'

export interface Job {
  /** Count the primes below this. */
  readonly below: number
}

export interface Report {
  readonly primes: number
  /** How long the worker took, in ms. */
  readonly computed: number
}

/** What the servers tell each other. */
export interface DemoEvents {
  job: [job: Job]
  /** Nobody waits for the job any more. */
  cancel: []
  report: [report: Report]
}

/** Without a URL it hears only this process. */
export function connect(
  who: string,
  redisUrl: string | undefined,
  options?: ServerEventsOptions<DemoEvents>,
): ServerEvents<DemoEvents> {
  const transport = redisUrl === undefined ? new MemoryTransport() : new RedisTransport(redisUrl)
  const events = new ServerEvents<DemoEvents>(transport, options)
  events.onerror((store, error) => console.error(`${who}: ${store}: ${error.message}`))
  return events
}
