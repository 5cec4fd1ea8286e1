import { MemoryHub, MemoryTransport } from '@server-events/memory'
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

/** What the worker does with a job, for people who watch. */
export interface Work {
  readonly below: number
  readonly state: 'began' | 'reported' | 'failed' | 'stopped'
  /** How long it has worked on it, in ms. */
  readonly after: number
}

/** What the servers tell each other. */
export interface DemoEvents {
  job: [job: Job]
  report: [report: Report]
  work: [work: Work]
}

/** A report is stored for so many ms: a wait that begins late, or whose connection was cut, still finds it. */
const keep = { report: 60_000 }

/** Where all meet without a Redis. */
export const hub = new MemoryHub()

/** Without a URL it hears only this process. */
export function connect(
  who: string,
  redisUrl: string | undefined,
  options?: ServerEventsOptions<DemoEvents>,
): ServerEvents<DemoEvents> {
  const transport = redisUrl === undefined ? new MemoryTransport({ hub }) : new RedisTransport(redisUrl)
  const events = new ServerEvents<DemoEvents>(transport, { keep, ...options })
  // Each kind of trouble once, until the connection is back: a cut would fill the terminal.
  const told = new Set<string>()
  events.onready(() => told.clear())
  events.onerror((store, error) => {
    const kind = `${store}: ${error.code}`
    if (!told.has(kind)) console.error(`${who}: ${store}: ${error.message}`)
    told.add(kind)
  })
  return events
}
