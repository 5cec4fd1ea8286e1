import { RedisTransport } from '@server-events/redis'
import { ServerEvents } from 'server-events'
import { z } from 'zod'

/** What API and workers agree on. Both import this file, and neither writes a type twice. */

/** What a caller orders, and the data of its job. */
export const order = z.object({
  lines: z
    .array(z.object({ what: z.string().min(1), cents: z.int().nonnegative(), count: z.int().positive() }))
    .min(1)
    .max(100),
  /** For trying things out: how long the tax office takes to answer, in ms. */
  slow: z.int().nonnegative().max(60_000).default(20),
  /** For trying things out: how many attempts find the tax office closed. */
  closed: z.int().nonnegative().max(10).default(0),
})
export type Order = z.output<typeof order>

export interface Invoice {
  readonly number: string
  readonly cents: number
}

/** The queue brings orders to one of the workers; the event brings the result to the server that waits for it. */
export const queueName = 'invoices'

export interface Outcomes {
  invoice: [invoice: Invoice]
}

/** How long an outcome can be asked for after the fact, in ms. Both sides have to say it. */
const keep = { invoice: 10 * 60_000 }

export function connect(redisUrl: string, { listen = [] }: { listen?: 'invoice'[] } = {}): ServerEvents<Outcomes> {
  const events = new ServerEvents<Outcomes>(new RedisTransport(redisUrl), { keep, listen })
  events.onerror((store, error) => console.error(`${store}: ${error.message}`))
  return events
}

export const redisUrl = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379'
