import { eventually } from '../eventually'
import { freePort } from '../ports'
import { command } from './command'
import type { Asked } from './command'
import { startRedis } from './server'
import type { RedisServer } from './server'

export interface RedisClusterOptions {
  /** More arguments for every server. */
  readonly args?: readonly string[]
  /** The password of every server; none by default. */
  readonly password?: string
  /** Speaks TLS and nothing else, between the nodes too: paths of a certificate, its key, and the one it is signed by. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string }
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
  /** Resolves when every node has a link to every other one: without it no event goes from one to the other. */
  linked(): Promise<void>
  /** Ends all of it. Idempotent. */
  stop(): Promise<void>
}

const MASTERS = 3
const SLOTS = 16_384
const PATIENCE = { timeout: 30_000, interval: 50 }

/** Starts the servers, makes a Cluster of them, and resolves when every node agrees and every replica is in step. */
export async function startCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { args = [], password, tls, nodeTimeout = 1_500 } = options
  const all = [
    ...(password === undefined ? [] : ['--requirepass', password, '--masterauth', password]),
    // prettier-ignore
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    String(nodeTimeout),
    '--repl-diskless-sync-delay',
    '0',
    ...args,
  ]
  const start = (): Promise<RedisServer> => (tls ? startWithTls(tls, all) : startRedis({ args: all }))
  const started = await Promise.allSettled(Array.from({ length: 2 * MASTERS }, start))
  const nodes = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  try {
    for (const one of started) if (one.status === 'rejected') throw one.reason
    const masters = nodes.slice(0, MASTERS)
    const replicas = nodes.slice(MASTERS)
    const asked = nodes.map(({ directory, host, port }) => ({ directory, host, port, password }))
    await join(asked, asked.slice(0, MASTERS))
    await Promise.all(asked.slice(MASTERS).map((replica, i) => follow(replica, asked[i] as Node)))
    const views = (): Promise<string[]> => Promise.all(asked.map((node) => command(node, 'CLUSTER', 'NODES')))
    const linked = async (): Promise<void> => {
      await eventually(async () => (await views()).every((view) => !/\bdisconnected\b/.test(view)), PATIENCE)
    }
    await eventually(
      async () => (await views()).every((view) => view.match(/slave [0-9a-f]{40} /g)?.length === MASTERS),
      PATIENCE,
    )
    await linked()
    return { masters, replicas, nodes, linked, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startWithTls(
  { cert, key, ca }: NonNullable<RedisClusterOptions['tls']>,
  args: readonly string[],
): Promise<RedisServer> {
  const port = await freePort()
  // prettier-ignore
  const more = [
    '--port', '0', '--tls-port', String(port), '--tls-cluster', 'yes', '--tls-replication', 'yes',
    '--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca, '--tls-auth-clients', 'no',
  ]
  return startRedis({ port, args: [...args, ...more] })
}

type Node = Asked & Pick<RedisServer, 'host' | 'port'>

async function join(nodes: readonly Node[], masters: readonly Node[]): Promise<void> {
  await Promise.all(nodes.map((node, i) => command(node, 'CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1))))
  await Promise.all(
    masters.map((master, i) => {
      const [from, to] = [i, i + 1].map((third) => Math.floor((third * SLOTS) / masters.length))
      return command(master, 'CLUSTER', 'ADDSLOTSRANGE', String(from), String((to as number) - 1))
    }),
  )
  const [first, ...others] = nodes as [Node, ...Node[]]
  for (const { host, port } of others) await command(first, 'CLUSTER', 'MEET', host, String(port))
  await eventually(async () => {
    const infos = await Promise.all(nodes.map((node) => command(node, 'CLUSTER', 'INFO')))
    return infos.every((info) => info.includes('cluster_state:ok') && info.includes(`known_nodes:${nodes.length}`))
  }, PATIENCE)
}

async function follow(replica: Node, master: Node): Promise<void> {
  const id = await command(master, 'CLUSTER', 'MYID')
  // Refused for as long as the replica has not heard of its master.
  await eventually(() => command(replica, 'CLUSTER', 'REPLICATE', id), PATIENCE)
  await eventually(
    async () => (await command(replica, 'INFO', 'replication')).includes('master_link_status:up'),
    PATIENCE,
  )
}
