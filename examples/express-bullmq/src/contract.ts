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

/** What a worker makes of it. */
const invoice = z.object({ number: z.string().regex(/^INV-/), cents: z.int().nonnegative() })
export type Invoice = z.output<typeof invoice>

/** The queue brings orders to one of the workers; the event brings the result to the server that waits for it. */
export const queueName = 'invoices'

/** The args of each event, by name: validated where they are emitted and where they arrive. */
const schemas = { invoice: z.tuple([invoice]) }

/** How long an outcome is stored, in ms. Worker and API server need the same: the one stores, the other looks. */
const keep = { invoice: 10 * 60_000 }

export function connect(redisUrl: string, options: { listen?: 'invoice'[] } = {}): ServerEvents<typeof schemas> {
  const events = new ServerEvents(new RedisTransport(redisUrl), { schemas, keep, ...options })
  events.onerror((store, error) => console.error(`${store}: ${error.message}`))
  return events
}

export const redisUrl = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379'
