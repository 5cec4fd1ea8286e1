import { eventually } from './eventually'
import { command } from './redis-command'
import { startRedis } from './redis-server'
import type { RedisServer } from './redis-server'

export interface RedisClusterOptions {
  /** More arguments for every server. */
  readonly args?: readonly string[]
  /** After how many ms a node that is not heard of counts as failing; 1,500 by default. */
  readonly nodeTimeout?: number
}

/** A Redis Cluster of one's own on 127.0.0.1: three masters with a third of the slots each, and a replica of each. */
export interface RedisCluster {
  /** Those that are masters at first, in the order of their slots. */
  readonly masters: readonly RedisServer[]
  /** Their replicas, in the same order. */
  readonly replicas: readonly RedisServer[]
  readonly nodes: readonly RedisServer[]
  /** Ends all of it. Idempotent. */
  stop(): Promise<void>
}

const MASTERS = 3
const SLOTS = 16_384
const PATIENCE = { timeout: 30_000, interval: 50 }

/** Starts the servers, makes a Cluster of them, and resolves when every node agrees and every replica is in step. */
export async function startCluster({
  args = [],
  nodeTimeout = 1_500,
}: RedisClusterOptions = {}): Promise<RedisCluster> {
  const all = [
    // prettier-ignore
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    String(nodeTimeout),
    '--repl-diskless-sync-delay',
    '0',
    ...args,
  ]
  const started = await Promise.allSettled(Array.from({ length: 2 * MASTERS }, () => startRedis({ args: all })))
  const nodes = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  try {
    for (const one of started) if (one.status === 'rejected') throw one.reason
    const masters = nodes.slice(0, MASTERS)
    const replicas = nodes.slice(MASTERS)
    await join(nodes, masters)
    await Promise.all(replicas.map((replica, i) => follow(replica, masters[i] as RedisServer)))
    await eventually(async () => {
      const views = await Promise.all(nodes.map((node) => command(node, 'CLUSTER', 'NODES')))
      return views.every((view) => view.match(/slave [0-9a-f]{40} /g)?.length === MASTERS)
    }, PATIENCE)
    return { masters, replicas, nodes, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function join(nodes: readonly RedisServer[], masters: readonly RedisServer[]): Promise<void> {
  await Promise.all(nodes.map((node, i) => command(node, 'CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1))))
  await Promise.all(
    masters.map((master, i) => {
      const [from, to] = [i, i + 1].map((third) => Math.floor((third * SLOTS) / masters.length))
      return command(master, 'CLUSTER', 'ADDSLOTSRANGE', String(from), String((to as number) - 1))
    }),
  )
  const [first, ...others] = nodes as [RedisServer, ...RedisServer[]]
  for (const { host, port } of others) await command(first, 'CLUSTER', 'MEET', host, String(port))
  await eventually(async () => {
    const infos = await Promise.all(nodes.map((node) => command(node, 'CLUSTER', 'INFO')))
    return infos.every((info) => info.includes('cluster_state:ok') && info.includes(`known_nodes:${nodes.length}`))
  }, PATIENCE)
}

async function follow(replica: RedisServer, master: RedisServer): Promise<void> {
  const id = await command(master, 'CLUSTER', 'MYID')
  // Refused for as long as the replica has not heard of its master.
  await eventually(() => command(replica, 'CLUSTER', 'REPLICATE', id), PATIENCE)
  await eventually(
    async () => (await command(replica, 'INFO', 'replication')).includes('master_link_status:up'),
    PATIENCE,
  )
}
