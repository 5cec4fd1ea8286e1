import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import type { ConnectionOptions, PeerCertificate } from 'node:tls'
import { InvalidArgumentError, UnsupportedError } from 'server-events'
import type { RedisClient } from '../client/client'
import { dbIn, decoded } from '../client/url'
import { isPort } from './announced'
import { addressOf, endpointOf } from './topology'
import type { Address, NatMap } from './topology'

/** How to reach the nodes of a Cluster. */
export interface ClusterRecipe {
  /** Where to begin. */
  readonly seeds: readonly Address[]
  /** Options of ioredis for a connection to any node. */
  readonly options: Record<string, unknown>
  readonly natMap: NatMap | undefined
}

/** @throws InvalidArgumentError */
export function recipeOf(nodes: unknown, options: Record<string, unknown>, natMap: unknown): ClusterRecipe {
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw new InvalidArgumentError('option cluster must be an array of at least one { host, port }')
  const seeds = nodes.map(seedOf)
  // Credentials and TLS of a URL hold for the others, too: nobody says them again of nodes that are found.
  const [first] = seeds
  const all = { ...first?.more, ...options }
  for (const { db } of [all, ...seeds.map(({ more }) => more)])
    if (db !== undefined && db !== null && Number(db) !== 0)
      throw new InvalidArgumentError('a Cluster has database 0 only: leave out db, and what follows the port in a URL')
  return {
    seeds: seeds.map(({ address }) => address),
    options: all,
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

/**
 * TLS options for the node at an address. Certificates mostly name hosts while nodes announce IP
 * addresses: then it may also be one of the hosts that the user named as nodes of this Cluster.
 * Where the user says how identities are checked, nothing is changed.
 */
export function tlsFor(address: Address, { seeds, options }: ClusterRecipe): unknown {
  const tls = options['tls'] as ConnectionOptions | null | undefined
  const { host } = endpointOf(address)
  const names = seeds.map((seed) => endpointOf(seed).host).filter((name) => isIP(name) === 0)
  const [servername] = names
  if (!tls || typeof tls !== 'object' || servername === undefined || isIP(host) === 0) return tls
  if (tls.servername !== undefined || tls.checkServerIdentity !== undefined) return tls
  return {
    ...tls,
    servername,
    checkServerIdentity: (_: string, certificate: PeerCertificate) => {
      const refusals = [host, ...names].map((name) => checkServerIdentity(name, certificate))
      return refusals.includes(undefined) ? undefined : refusals[0]
    },
  }
}

/** As ioredis takes them: an object, a URL, or a port of this machine. */
function seedOf(node: unknown): { address: Address; more: Record<string, unknown> } {
  if (typeof node === 'number') return seedOf({ port: node })
  if (typeof node === 'string') return seedOf(ofUrl(node))
  const { host = '127.0.0.1', port = 6379, ...more } = (node ?? {}) as Record<string, unknown>
  const number = Number(port)
  if (typeof node !== 'object' || node === null || typeof host !== 'string' || host === '' || !isPort(number))
    throw new InvalidArgumentError('each node of a Cluster must be { host, port }, a redis:// URL or a port')
  return { address: addressOf(withoutBrackets(host), number), more }
}

function ofUrl(text: string): unknown {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url?.hostname || !/^rediss?:$/.test(url.protocol)) return undefined
  const { hostname, port, username, password, protocol, search } = url
  if (search !== '')
    throw new InvalidArgumentError(
      'the URL of a node of a Cluster takes no options: write those of its query beside option cluster',
    )
  const db = dbIn(url)
  return {
    host: hostname,
    port: port === '' ? 6379 : Number(port),
    ...(db !== undefined && { db }),
    ...(username !== '' && { username: decoded(username) }),
    ...(password !== '' && { password: decoded(password) }),
    ...(protocol === 'rediss:' && { tls: {} }),
  }
}

/** An IPv6 address in a URL has them. */
function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}
