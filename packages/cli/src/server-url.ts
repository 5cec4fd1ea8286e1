import { usage } from './exit'

/** Which transport speaks to a server. */
type Kind = 'redis' | 'redis-cluster' | 'nats' | 'postgres'

export interface Host {
  readonly host: string
  readonly port: number
}

/** What a URL says, taken apart, so that nobody has to print it. */
export interface ServerUrl {
  readonly kind: Kind
  /** For people, without credentials. */
  readonly place: string
  readonly hosts: readonly [Host, ...Host[]]
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  /** Redis' number of the database. */
  readonly db: number
  /** PostgreSQL's name of the database. */
  readonly database?: string | undefined
}

interface Scheme {
  readonly kind: Kind
  readonly tls: boolean
  readonly port: number
}

const schemes: Readonly<Record<string, Scheme>> = {
  redis: { kind: 'redis', tls: false, port: 6379 },
  rediss: { kind: 'redis', tls: true, port: 6379 },
  'redis+cluster': { kind: 'redis-cluster', tls: false, port: 6379 },
  'rediss+cluster': { kind: 'redis-cluster', tls: true, port: 6379 },
  nats: { kind: 'nats', tls: false, port: 4222 },
  tls: { kind: 'nats', tls: true, port: 4222 },
  postgres: { kind: 'postgres', tls: false, port: 5432 },
  postgresql: { kind: 'postgres', tls: false, port: 5432 },
}

const WANTED = `the URL must be ${Object.keys(schemes)
  .map((scheme) => `${scheme}://`)
  .join(', ')} and name a host`

/**
 * Reads `scheme://user:password@host:port,host:port/db`. By hand, because `URL` knows neither several hosts nor how
 * to say what is wrong without showing the password.
 *
 * @throws Exit (usage) with a message that quotes nothing of what may be a secret
 */
export function parseServerUrl(text: string): ServerUrl {
  const [, name = '', rest = ''] = /^([a-z+]+):\/\/(.*)$/is.exec(text) ?? []
  const scheme = Object.hasOwn(schemes, name) ? schemes[name] : undefined
  if (scheme === undefined) throw usage(WANTED)
  // A raw one of these within the password would make a host of the rest.
  const [, authority = '', path = ''] = /^([^/?#]*)(.*)$/s.exec(rest) ?? []
  if (path.includes('@')) throw usage('in the URL, percent-encode "/", "?", "#" and "@" of the user name and password')
  const at = authority.lastIndexOf('@')
  const credentials = at < 0 ? '' : authority.slice(0, at)
  const hosts = authority
    .slice(at + 1)
    .split(',')
    .map((host) => parseHost(host, scheme.port)) as [Host, ...Host[]]
  if (scheme.kind === 'redis' && hosts.length > 1)
    throw usage('several hosts are of a Cluster: redis+cluster://host:port,host:port')
  if (scheme.kind === 'postgres' && hosts.length > 1) throw usage('PostgreSQL is asked at one host')
  const colon = credentials.indexOf(':')
  return {
    kind: scheme.kind,
    place: hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(','),
    hosts,
    ...(scheme.kind === 'postgres' ? parseDatabase(path) : { tls: scheme.tls, db: parseDb(path, scheme.kind) }),
    username: decode(colon < 0 ? credentials : credentials.slice(0, colon)),
    password: decode(colon < 0 ? '' : credentials.slice(colon + 1)),
  }
}

function parseHost(text: string, defaultPort: number): Host {
  const [, six, four = '', port] = /^(?:\[([\da-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const host = six ?? four
  const number = port === undefined ? defaultPort : Number(port)
  if (host === '' || number < 1 || number > 65_535) throw usage(`${WANTED}, and each port be a number from 1 to 65535`)
  return { host, port: number }
}

function parseDatabase(path: string): Pick<ServerUrl, 'db' | 'database' | 'tls'> {
  const [, database, mode] = /^(?:\/([^/?#]*))?(?:\?sslmode=(disable|require|verify-full))?$/.exec(path) ?? [undefined]
  if (database === undefined && mode === undefined && path !== '')
    throw usage('after the host, the URL may have a database and ?sslmode=disable, require or verify-full only')
  return { db: 0, database: decode(database ?? ''), tls: mode !== undefined && mode !== 'disable' }
}

function parseDb(path: string, kind: Kind): number {
  const [, db] = /^\/?(\d{1,9})?$/.exec(path) ?? [undefined, undefined]
  if (path === '' || path === '/') return 0
  if (db === undefined || kind === 'nats')
    throw usage('after the host, the URL may have the number of a Redis database only')
  if (kind === 'redis-cluster' && db !== '0') throw usage('a Cluster has no database but 0')
  return Number(db)
}

function decode(text: string): string | undefined {
  if (text === '') return undefined
  try {
    return decodeURIComponent(text)
  } catch {
    throw usage('the user name or password of the URL is not percent-encoded as it must be')
  }
}
