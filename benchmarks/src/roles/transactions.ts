import { PostgresTransport } from '@server-events/postgres'
import { Pool } from 'pg'
import { ServerEvents } from 'server-events'
import { name, payload, timeout } from '../peers/peer'
import type { Role } from './role'

export interface TransactionsTask {
  readonly role: 'transactions'
  readonly url: string
  readonly clients: number
  /** Whether each transaction keeps an outcome beside its INSERT. */
  readonly emits: boolean
}

const insert = "INSERT INTO jobs VALUES ('42', 'done')"

/** Makes as many transactions as it is told, on all clients; tells how many ms that took. */
export const run: Role<TransactionsTask, number> = async ({ url, clients, emits }, tell) => {
  const pool = new Pool({ connectionString: url, max: clients })
  const all = await Promise.all(Array.from({ length: clients }, () => pool.connect()))
  const transport = new PostgresTransport(url)
  const events = new ServerEvents(transport, { keep: timeout })
  await events.init()
  let id = 0
  const plain = async (client: (typeof all)[number]): Promise<void> => {
    await client.query('BEGIN')
    await client.query(insert)
    await client.query('COMMIT')
  }
  const kept = (client: (typeof all)[number]): Promise<void> =>
    transport.transaction(client, async () => {
      await client.query(insert)
      await events.emit(name, String(id++), payload)
    })
  const one = emits ? kept : plain
  tell('ready')
  return (count) => {
    const begun = performance.now()
    let left = count
    const turns = all.map(async (client) => {
      while (left-- > 0) await one(client)
    })
    void Promise.all(turns).then(() => tell(performance.now() - begun))
  }
}
