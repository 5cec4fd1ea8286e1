import type { Kept } from './kept'
import type { Connection } from './link'

/** Whether what a write is for is still waited for; asked before every time it is written. */
export type Wanted = () => boolean

/** Where kept outcomes are: on the server that is published to or, in a Cluster, on the master of each key. */
export interface Store {
  /** One server executes in the order of writing: what is published behind a SET was stored before it. */
  readonly inOrder: boolean
  set(connection: Connection, kept: Kept, wanted: Wanted): Promise<unknown>
  del(connection: Connection, key: string, wanted: Wanted): Promise<unknown>
  get(connection: Connection, key: string, wanted: Wanted): Promise<string | null>
}

export const sameServer: Store = {
  inOrder: true,
  set: ({ client }, { key, value, ms }) => client.set(key, value, 'PX', ms),
  del: ({ client }, key) => client.del(key),
  get: ({ client }, key) => client.get(key),
}
