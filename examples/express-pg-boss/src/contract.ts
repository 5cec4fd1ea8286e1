import { postgresMigration } from '@server-events/postgres'
import type { PostgresTransport } from '@server-events/postgres'
import { ServerEvents } from 'server-events'

/** What API and workers agree on: both import this file. */

/** What a caller orders, and the data of its job. */
export interface Order {
  readonly cents: number
  /** For trying things out: how long it takes, in ms. */
  readonly slow: number
  /** For trying things out: how many attempts find the tax office closed. */
  readonly closed: number
}

/** What a worker makes of it. */
export interface Invoice {
  readonly number: string
  readonly cents: number
}

interface Events {
  invoice: [invoice: Invoice]
}

export const queueName = 'invoices'

/** An outcome can be asked for so long after the fact, in ms. Both sides have to say it. */
const keep = { invoice: 10 * 60_000 }

export function connect(transport: PostgresTransport, options: { listen?: 'invoice'[] } = {}): ServerEvents<Events> {
  const events = new ServerEvents<Events>(transport, { keep, ...options })
  events.onerror((store, error) => console.error(`${store}: ${error.message}`))
  return events
}

/** For your migrations: the table of outcomes, and one of our own. */
export const migration = `${postgresMigration()}
CREATE TABLE IF NOT EXISTS invoices (
  id uuid PRIMARY KEY,
  number text NOT NULL,
  cents int NOT NULL CHECK (cents < 1000000)
);`

export const postgresUrl = process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'
