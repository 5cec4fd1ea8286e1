import { Recorder } from '@server-events/testing'
import type { Recorded } from '@server-events/testing'
import { Client } from 'pg'
import { PostgresTransport } from '../src'
import type { PostgresClientOptions, PostgresTransportOptions } from '../src'

export { event, rejection, sentinel } from '@server-events/testing'

export type Open = Recorded<PostgresTransport>

const opened: PostgresTransport[] = []

/** Where a server is reached; by way of a proxy if its port is given. */
export function at(
  postgres: { readonly user: string; readonly password: string },
  { port }: { readonly port: number },
): string {
  return `postgres://${postgres.user}:${postgres.password}@127.0.0.1:${port}/postgres`
}

/** A transport with its receiver; closed by `closeAll`. */
export function open(where: string | PostgresClientOptions, options: PostgresTransportOptions = {}): Open {
  const transport = new PostgresTransport(where, options)
  opened.push(transport)
  const receiver = new Recorder()
  transport.attach(receiver)
  return { transport, receiver }
}

export async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((transport) => transport.close()))
}

/** Runs SQL on a connection of its own; resolves with the rows of the last statement. */
export async function execute({ url }: { readonly url: string }, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client(url)
  await client.connect()
  try {
    const results = [await client.query<Record<string, unknown>>(sql)].flat()
    return results.at(-1)?.rows ?? []
  } finally {
    await client.end()
  }
}
