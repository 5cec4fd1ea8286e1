import type { ServerUrl } from '../server-url'
import { docs, ok, warn } from './finding'
import type { Finding } from './finding'

const encrypted: Readonly<Record<ServerUrl['kind'], string>> = {
  redis: 'rediss://',
  'redis-cluster': 'rediss+cluster://',
  nats: 'tls://',
  postgres: '?sslmode=require behind the database',
}

/** How the URL asks for TLS. */
export function askForTls({ kind }: ServerUrl): string {
  return encrypted[kind]
}

/** What whoever is on the way can read. */
export function withoutTls(server: ServerUrl): Finding {
  if (isLocal(server)) return ok('tls', 'none, on this machine')
  const what = server.password === undefined ? 'events' : 'events and the password'
  const fix = `use ${askForTls(server)}, unless the network is yours alone`
  return warn('tls', `none: ${what} travel in clear`, fix, docs.tls)
}

export function isLocal({ hosts }: ServerUrl): boolean {
  return hosts.every(({ host }) => /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host))
}
