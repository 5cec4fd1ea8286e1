import type { Life } from 'server-events/transport-kit'
import type { Client } from './client'

/** One connection, from its making to its loss. What belongs to another one is stale. */
export interface Connection {
  readonly client: Client
  /** Host and port. */
  readonly place: string
  /** Every byte that is read on it counts. */
  readonly life: Life
}
