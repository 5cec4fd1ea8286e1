import { redisNamesOf } from '@server-events/redis'
import { AuthError, ConnectionError, UnsupportedError } from 'server-events'
import { redisOptions } from '../connect'
import type { Target } from '../connect'
import type { Host, ServerUrl } from '../server-url'
import { Client, fieldsOf } from './client'
import { askCluster } from './cluster'
import { EMPTY_FRAME } from './probe'

/** Who uses a name. */
export interface Use {
  readonly name: string
  /** Connections that hear all events of the name; `undefined` if that may not be asked. */
  listening: number | undefined
  /** Connections that wait for one id each, with `channels: 'id'`. */
  ids: number
  /** Connections by the label of the instance that they belong to. */
  readonly homes: Record<string, number>
  /** Outcomes that are kept. */
  kept: number
}

interface Bounds extends Target {
  /** How many keys, and how many channels, are looked at on each node. */
  readonly maxKeys: number
}

/**
 * Counts on all nodes; too low if it may not ask something, which is `refused` then. A name that is only waited for by
 * pattern cannot be seen, unless it is given: the server tells how many patterns there are, not which.
 */
export async function countUse(
  server: ServerUrl,
  names: readonly string[],
  bounds: Bounds,
): Promise<{ uses: Use[]; complete: boolean; refused: string[] }> {
  // prettier-ignore
  const cluster = server.kind === 'redis-cluster' ? await askCluster(server) : undefined
  const masters = cluster?.masters ?? [server.hosts[0]]
  const uses = new Map<string, Use>()
  const useOf = (name: string): Use => {
    const use = uses.get(name) ?? { name, listening: 0, ids: 0, homes: {}, kept: 0 }
    uses.set(name, use)
    return use
  }
  names.forEach(useOf)
  const clients: { client: Client; host: Host }[] = []
  const refused = new Set<string>()
  if (server.kind === 'redis-cluster' && cluster === undefined) refused.add('CLUSTER SLOTS')
  let complete = true
  try {
    for (const host of [...masters, ...(cluster?.replicas ?? [])]) {
      const client = await Client.open(redisOptions(server, host)).catch((error: unknown) => unreachable(error, host))
      clients.push({ client, host })
      if ((await client.ask('PING')).refused === 'NOAUTH') unreachable(new Error('NOAUTH'), host)
      checkPlace(fieldsOf(await client.text('INFO')), server, host)
      if (server.db !== 0) await client.ask('SELECT', server.db)
      if (!(await countChannels(client, bounds, useOf, refused))) complete = false
      // Replicas have the same keys once more.
      if (masters.includes(host) && !(await countKept(client, bounds, useOf, refused))) complete = false
    }
    // Each node counts who hears it there; nobody finds an event in it.
    for (const use of uses.values()) {
      const { channel } = redisNamesOf({ name: use.name, id: 'x' }, bounds.prefix)
      for (const { client } of clients) {
        const { value, refused: why } = await client.ask('PUBLISH', channel, EMPTY_FRAME)
        if (why !== undefined) refused.add(`PUBLISH (${why})`)
        use.listening = typeof value === 'number' && use.listening !== undefined ? use.listening + value : undefined
      }
    }
    // What was not answered any more would look like what is refused.
    const lost = clients.find(({ client }) => client.isLost)
    if (lost) throw new ConnectionError(`lost the connection to redis at ${lost.host.host}:${lost.host.port}`)
  } finally {
    for (const { client } of clients) client.close()
  }
  return { uses: [...uses.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), complete, refused: [...refused] }
}

/** @throws where only some are, or nobody is: their count would look like that of all */
function checkPlace({ redis_mode: mode, role }: Readonly<Record<string, string>>, { kind }: ServerUrl, at: Host): void {
  const place = `redis at ${at.host}:${at.port}`
  if (mode === 'sentinel') throw new ConnectionError(`${place} is a Sentinel: ask the master that it names`)
  if (kind === 'redis' && mode === 'cluster')
    throw new UnsupportedError(`${place} is a node of a Cluster: ask all of them, by redis+cluster://`)
  if (kind === 'redis' && role === 'slave') throw new ConnectionError(`${place} is a replica: ask its master`)
  if (kind === 'redis-cluster' && mode === 'standalone')
    throw new ConnectionError(`${place} is not a node of a Cluster: ask by redis://`)
}

/** Of `channels: 'name'` and `'id'`; those of patterns have none. */
async function countChannels(
  client: Client,
  { prefix = 'se:', maxKeys }: Bounds,
  useOf: (name: string) => Use,
  refused: Set<string>,
): Promise<boolean> {
  // prettier-ignore
  const { value, refused: why } = await client.ask('PUBSUB', 'CHANNELS', `${escapeGlob(prefix)}*`)
  if (why !== undefined) refused.add(`PUBSUB CHANNELS (${why})`)
  const channels = Array.isArray(value) ? (value as string[]) : []
  const seen = channels.slice(0, maxKeys)
  for (let start = 0; start < seen.length; start += 1_000) {
    const { value: pairs, refused: whyNot } = await client.ask('PUBSUB', 'NUMSUB', ...seen.slice(start, start + 1_000))
    if (whyNot !== undefined) refused.add(`PUBSUB NUMSUB (${whyNot})`)
    const counts = Array.isArray(pairs) ? (pairs as (string | number)[]) : []
    for (let n = 0; n < counts.length; n += 2) {
      const [channel, count] = [String(counts[n]), Number(counts[n + 1])]
      const [encoded = '', suffix, ...more] = channel.slice(prefix.length).split(':')
      const name = decode(encoded)
      if (suffix === undefined || more.length > 0 || name === undefined) continue
      const use = useOf(name)
      const label = /^\{(.+)\}$/.exec(suffix)?.[1]
      if (label !== undefined) use.homes[label] = (use.homes[label] ?? 0) + count
      else if (suffix !== '') use.ids += count
    }
  }
  return seen.length === channels.length
}

async function countKept(
  client: Client,
  { prefix = 'se:', maxKeys }: Bounds,
  useOf: (name: string) => Use,
  refused: Set<string>,
): Promise<boolean> {
  // prettier-ignore
  const beginning = `${prefix}kept:`
  // SCAN may give a key twice.
  const seen = new Set<string>()
  let cursor = '0'
  // Of a server that is full of other keys only so much is looked at.
  for (let looked = 0; looked < maxKeys; looked += 1_000) {
    const { value, refused: why } = await client.ask(
      'SCAN',
      cursor,
      'MATCH',
      `${escapeGlob(beginning)}*`,
      'COUNT',
      1_000,
    )
    if (why !== undefined) refused.add(`SCAN (${why})`)
    const [next, keys] = Array.isArray(value) ? (value as [string, string[]]) : ['0', []]
    for (const key of keys) {
      const [encoded = '', , ...more] = key.slice(beginning.length).split(':')
      const name = decode(encoded)
      if (seen.has(key) || more.length > 0 || name === undefined) continue
      seen.add(key)
      useOf(name).kept++
    }
    cursor = next
    if (cursor === '0') return true
  }
  return false
}

const escapeGlob = (text: string): string => text.replace(/[*?[\]\\]/g, '\\$&')

/** Names are percent-encoded in channels and keys; what is not so is not ours. */
function decode(text: string): string | undefined {
  try {
    return text === '' ? undefined : decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Of an error of ioredis nothing goes on but a word. */
function unreachable(error: unknown, { host, port }: Host): never {
  const { code, message } = error as NodeJS.ErrnoException
  const word = code ?? /^[A-Z]+\b/.exec(message)?.[0] ?? 'closed'
  const found = `no connection to redis at ${host}:${port}: ${word}`
  throw /^(WRONGPASS|NOAUTH)$/.test(word) ? new AuthError(found) : new ConnectionError(found)
}
