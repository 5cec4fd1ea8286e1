import { postgresMigration } from '@server-events/postgres'
import { startCluster, startNats, startPostgres, startProxy, startRedis } from '@server-events/testing'
import type { FaultProxy } from '@server-events/testing'
import { Client } from 'pg'

export type Kind = 'redis' | 'cluster' | 'nats' | 'postgres'

/** What can be done to one server, also to one of a Cluster. */
interface Node {
  readonly port: number
  pause(): void
  resume(): void
  restart(): Promise<void>
}

/** What histories are recorded on. */
export interface Servers {
  readonly nodes: readonly Node[]
  /** One for each process; none where clients find the nodes by themselves. */
  readonly proxies: readonly FaultProxy[]
  /** Where each process finds it. */
  readonly targets: readonly string[]
  stop(): Promise<void>
}

/** What they have acknowledged outlives a kill -9: else nothing is promised. */
const durable = ['--appendonly', 'yes', '--appendfsync', 'always']

export async function startServers(kind: Kind, processes: number): Promise<Servers> {
  if (kind === 'cluster') {
    // Nobody becomes a master here: a replica may lack what its master has acknowledged.
    const cluster = await startCluster({ args: durable, nodeTimeout: 15_000 })
    const target = cluster.masters.map(({ port }) => port).join()
    return {
      nodes: cluster.masters,
      proxies: [],
      targets: Array.from({ length: processes }, () => target),
      stop: () => cluster.stop(),
    }
  }
  const { server, urlAt } = await startOne(kind)
  const proxies = await Promise.all(Array.from({ length: processes }, () => startProxy(server)))
  return {
    nodes: [server],
    proxies,
    targets: proxies.map(({ port }) => urlAt(port)),
    async stop() {
      await Promise.all(proxies.map((proxy) => proxy.close()))
      await server.stop()
    },
  }
}

interface One {
  readonly server: Node & { stop(): Promise<void> }
  urlAt(port: number): string
}

async function startOne(kind: Exclude<Kind, 'cluster'>): Promise<One> {
  switch (kind) {
    case 'redis':
      return { server: await startRedis({ args: durable }), urlAt: (port) => `redis://127.0.0.1:${port}` }
    case 'nats':
      return { server: await startNats(), urlAt: (port) => `nats://127.0.0.1:${port}` }
    case 'postgres': {
      const server = await startPostgres()
      const { user, password } = server
      const client = new Client(server.url)
      await client.connect()
      await client.query(postgresMigration())
      await client.end()
      return { server, urlAt: (port) => `postgres://${user}:${password}@127.0.0.1:${port}/postgres` }
    }
  }
}
