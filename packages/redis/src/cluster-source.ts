import { ConnectionError, InvalidArgumentError, UnsupportedError } from 'server-events'
import type { Client, RedisClient, RedisRole } from './client'
import { create, forced } from './client-options'
import { addressOf, ClusterMap, endpointOf } from './cluster-map'
import type { Address, NatMap } from './cluster-map'
import { ClusterWatch } from './cluster-watch'
import { replyCode } from './errors'
import type { Settings } from './options'
import type { Dialer } from './source'

/** How to reach the nodes of a Cluster. */
export interface ClusterRecipe {
  /** Where to begin. */
  readonly seeds: readonly Address[]
  /** Options of ioredis for a connection to any node. */
  readonly options: Record<string, unknown>
  readonly natMap: NatMap | undefined
}

/** What a function gave: how to reach a Cluster or, if it is none, the client itself. */
export type Given = ClusterRecipe | Client

/**
 * Clients of the nodes of a Cluster. None is ioredis' own Cluster: that publishes through a node
 * at random, hides its subscriber, and writes again whatever is not answered.
 */
export class ClusterSource {
  readonly map = new ClusterMap()
  /** For connections to some node: any of them publishes to all, and hears all. */
  readonly dialer: Dialer = {
    dial: (role) => this.dial(role),
    vet: (client, place) => this.vet(client, place),
  }
  /** The clients of nodes, and where they are. */
  private readonly places = new WeakMap<Client, Address>()
  /** Per role, so that the next connection is to another node. */
  private readonly tried = { publish: new Set<Address>(), subscribe: new Set<Address>() }
  private readonly watch: ClusterWatch

  constructor(
    private readonly settings: Settings,
    private readonly give: (role: RedisRole) => Given | Promise<Given>,
  ) {
    this.watch = new ClusterWatch(this, 3 * settings.heartbeat, settings.connectTimeout)
  }

  close(): void {
    this.watch.close()
  }

  private async dial(role: RedisRole): Promise<Client> {
    const given = await this.give(role)
    if (!('seeds' in given)) return given
    this.map.plant(given.seeds, given.natMap)
    const tried = this.tried[role]
    const address = this.map.pick(tried)
    const client = this.connect(address, given)
    this.places.set(client, address)
    client.on('ready', () => {
      // It was a good choice; once it is lost, any other one comes first.
      tried.clear()
      tried.add(address)
    })
    return client
  }

  /** One that left the Cluster hears nothing of it, and nobody hears what it publishes. */
  private async vet(client: Client, place: string): Promise<void> {
    const address = this.places.get(client)
    if (address === undefined) return
    const isMember = await this.ask(client).catch((error: unknown) => {
      // Not allowed to ask, or lost. Who needs to know where keys are asks again, and tells.
      const code = replyCode(error)
      return code === undefined || code === 'NOPERM'
    })
    if (!isMember) throw new ConnectionError(`redis at ${place} is not a node of a Cluster that has slots`)
    this.watch.add(client, address)
  }

  /** A client of this node. */
  async dialNode(address: Address): Promise<Client> {
    const given = await this.give('publish')
    return 'seeds' in given ? this.connect(address, given) : given
  }

  /** Whether it is a client of a node. */
  made(client: Client): boolean {
    return this.places.has(client)
  }

  /** Asks where slots are. False if the node knows of none: then it is no member of a Cluster. */
  async ask(client: Client): Promise<boolean> {
    const { host, port } = client.options ?? {}
    return this.map.learn(await client.cluster?.('SLOTS'), addressOf(String(host), Number(port)))
  }

  private connect(address: Address, { options: theirs }: ClusterRecipe): Client {
    // Databases other than 0 do not exist in a Cluster, and replicas are not read from.
    const must = { ...endpointOf(address), path: undefined, db: 0, readOnly: false }
    return create({ ...theirs, ...forced(this.settings, theirs), ...must })
  }
}

/** @throws InvalidArgumentError */
export function recipeOf(nodes: unknown, options: Record<string, unknown>, natMap: unknown): ClusterRecipe {
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw new InvalidArgumentError('option cluster must be an array of at least one { host, port }')
  const seeds = nodes.map(seedOf)
  // Credentials and TLS of a URL hold for the others, too: nobody says them again of nodes that are found.
  const [first] = seeds
  return {
    seeds: seeds.map(({ address }) => address),
    options: { ...first?.more, ...options },
    natMap: natMap as NatMap | undefined,
  }
}

/** @throws InvalidArgumentError, UnsupportedError */
export function recipeOfCluster(cluster: RedisClient): ClusterRecipe {
  const { startupNodes, options = {} } = cluster as { startupNodes?: unknown; options?: Record<string, unknown> }
  if (!Array.isArray(startupNodes))
    throw new UnsupportedError('this Cluster does not tell its nodes: the one of ioredis-mock is not supported')
  if (options['useSRVRecords'])
    throw new UnsupportedError('a Cluster with useSRVRecords is not supported: name its nodes by host and port')
  return recipeOf(startupNodes, (options['redisOptions'] ?? {}) as Record<string, unknown>, options['natMap'])
}

/** As ioredis takes them: an object, a URL, or a port of this machine. */
function seedOf(node: unknown): { address: Address; more: Record<string, unknown> } {
  if (typeof node === 'number') return seedOf({ port: node })
  if (typeof node === 'string') return seedOf(ofUrl(node))
  const { host = '127.0.0.1', port = 6379, ...more } = (node ?? {}) as Record<string, unknown>
  const number = Number(port)
  if (
    typeof node !== 'object' ||
    node === null ||
    typeof host !== 'string' ||
    host === '' ||
    !(number > 0 && number < 65_536)
  )
    throw new InvalidArgumentError('each node of a Cluster must be { host, port }, a redis:// URL or a port')
  return { address: addressOf(host, number), more }
}

function ofUrl(text: string): unknown {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url?.hostname || !/^rediss?:$/.test(url.protocol)) return undefined
  const { hostname, port, username, password, protocol } = url
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? 6379 : Number(port),
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' && { tls: {} }),
  }
}
