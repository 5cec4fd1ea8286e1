import { InvalidArgumentError } from 'server-events'
import { isClient, isCluster } from './client/client'
import type { Client, RedisClient, RedisRole } from './client/client'
import type { Dialer } from './client/dialer'
import { create, forced, isStandard, lateForSentinel, ours, overridden, warnOfOverrides } from './client/options'
import { ClusterClients } from './cluster/clients'
import { recipeOf, recipeOfCluster } from './cluster/recipe'
import type { ClusterRecipe } from './cluster/recipe'
import { refuseUnknown, separate, settingsIn } from './options'
import { checkDb, readUrl } from './client/url'
import type { Settings } from './options'

/**
 * Called at every connect and reconnect, so that credentials may rotate. Must give a new client
 * each time: the transport closes it when the connection is lost, or on `close`.
 */
export type RedisClientFactory = (role: RedisRole) => RedisClient | Promise<RedisClient>

/** Where a Cluster begins; the options of ioredis beside it hold for the connection to any of its nodes. */
export interface RedisClusterNodes {
  /** Some of its nodes; they tell of the others. */
  readonly cluster?: readonly ({ readonly host?: string; readonly port?: number } | string | number)[] | undefined
}

/** Where connections come from. */
export interface Source extends Dialer {
  readonly settings: Settings
  /** What the clients belong to, if it is a Cluster; of a function that is only known of each client. */
  readonly cluster?: ClusterClients
}

/** @throws InvalidArgumentError, UnsupportedError */
export function openSource(source: unknown, options: unknown = {}): Source {
  if (typeof options !== 'object' || options === null) throw new InvalidArgumentError('options must be an object')
  if (typeof source === 'string') return fromUrl(source, options)
  if (typeof source === 'function') return fromFactory(source as RedisClientFactory, options)
  if (isClient(source)) return fromClient(source, options)
  if (typeof source === 'object' && source !== null && !Array.isArray(source)) return fromOptions(source, options)
  throw new InvalidArgumentError(
    'the source must be ioredis options, a redis:// or rediss:// URL, an ioredis client to duplicate, or a function that makes one',
  )
}

function fromOptions(source: object, options: object): Source {
  if (Object.keys(options).length > 0)
    throw new InvalidArgumentError('with ioredis options as the source, our options belong among them')
  const { settings, rest } = separate(source)
  checkDb(rest['db'])
  const { cluster, natMap, ...each } = rest
  if (cluster !== undefined) return fromRecipe(settings, recipeOf(cluster, ofNodes(each), natMap))
  warnOfOverrides(overridden(rest))
  return { settings, dial: () => create({ ...rest, ...forced(settings, rest) }) }
}

function fromUrl(text: string, options: object): Source {
  const url = readUrl(text)
  const ofUrl = settingsIn(url)
  const { settings, rest } = separate({ ...options, ...ofUrl })
  checkDb(rest['db'])
  const must = forced(settings, rest)
  // For ioredis the URL wins over options.
  const queried = Object.keys(must).filter((key) => url.searchParams.has(key))
  for (const key of [...queried, ...Object.keys(ofUrl)]) url.searchParams.delete(key)
  warnOfOverrides([...overridden(rest), ...queried])
  const address = url.search === new URL(text).search ? text : url.href
  return { settings, dial: () => create(address, { ...rest, ...forced(settings, rest) }) }
}

function fromClient(source: RedisClient, options: object): Source {
  const { settings, rest } = separate(options)
  refuseUnknown(rest)
  if (isCluster(source)) return fromRecipe(settings, recipeOfCluster(source))
  const { options: theirs = {} } = source as unknown as Client
  checkDb(theirs['db'])
  warnOfOverrides(overridden(theirs).filter((key) => !isStandard(key, theirs[key])))
  const duplicate = source.duplicate.bind(source) as (options: object) => Client
  return { settings, dial: () => duplicate(forced(settings, theirs)) }
}

/** What functions gave: whoever gives it again will be told, instead of losing a connection that is in use. */
const given = new WeakSet()

function fromFactory(factory: RedisClientFactory, options: object): Source {
  const { settings, rest } = separate(options)
  refuseUnknown(rest)
  let warned = false
  const cluster = new ClusterClients(settings, async (role) => {
    const made: unknown = await factory(role)
    if (!isClient(made)) throw new InvalidArgumentError('the function did not give an ioredis client')
    if (given.has(made)) throw new InvalidArgumentError('the function must make a new client each time')
    given.add(made)
    const client = made as unknown as Client
    if (isCluster(made)) {
      // It only tells how to reach its nodes.
      client.on('error', () => undefined)
      client.disconnect()
      return recipeOfCluster(made)
    }
    const { options: theirs } = client
    if (theirs) {
      checkDb(theirs['db'])
      const harmful = ['keyPrefix', 'commandTimeout', 'enableAutoPipelining']
      if (!warned) warned = warnOfOverrides(overridden(theirs).filter((key) => harmful.includes(key)))
      Object.assign(theirs, ours, lateForSentinel(theirs))
      if (theirs['sentinels'] && theirs['role'] === 'slave')
        throw new InvalidArgumentError('the function gave a client of a replica: nothing is published or kept there')
    }
    return client
  })
  return { settings, ...cluster.dialer, isNode: (client) => cluster.made(client), cluster }
}

function fromRecipe(settings: Settings, recipe: ClusterRecipe): Source {
  warnOfOverrides(overridden(recipe.options))
  const cluster = new ClusterClients(settings, () => recipe)
  return { settings, ...cluster.dialer, isNode: (client) => cluster.made(client), cluster }
}

/** As for Sentinels, options for every connection stand beside the list: ioredis' Cluster has them one level below. */
function ofNodes(options: Record<string, unknown>): Record<string, unknown> {
  if (options['redisOptions'] !== undefined || options['sentinels'] !== undefined)
    throw new InvalidArgumentError(
      'beside option cluster there is no redisOptions and no sentinels: options for the connections to its nodes stand where cluster stands',
    )
  return options
}
