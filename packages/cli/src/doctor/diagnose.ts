import { performance } from 'node:perf_hooks'
import { ServerEventsError } from 'server-events'
import { redisOptions, serverOf, withEvents } from '../connect'
import { Client, fieldsOf } from '../redis/client'
import type { ServerUrl } from '../server-url'
import { bad, docs, ok } from './finding'
import type { Finding } from './finding'
import type { DoctorFlags } from './flags'
import { diagnoseByLibrary } from './by-library'
import { askForTls } from './network'
import { diagnoseRedis } from './redis/diagnose'

/** Connects as the library does and, if that works, asks for all else. */
export async function diagnose(flags: DoctorFlags): Promise<Finding[]> {
  const server = serverOf(flags)
  const began = performance.now()
  try {
    await withEvents({ ...flags, quiet: true }, {}, () => Promise.resolve())
  } catch (error) {
    if (!(error instanceof ServerEventsError) || error.code === 'ERR_INVALID_ARGUMENT') throw error
    if (await isLoading(server))
      return [bad('connection', `${error.message}: the server is still loading what it persisted`, 'wait until it is done', docs.settings)] // prettier-ignore
    return [bad('connection', error.message, ...cureOf(error, server))]
  }
  const connection = ok('connection', `${server.place}, in ${Math.round(performance.now() - began)} ms`)
  return [
    connection,
    ...(server.kind === 'nats' || server.kind === 'postgres'
      ? await diagnoseByLibrary(server, server.kind, flags)
      : await diagnoseRedis(server, flags)),
  ]
}

/** Of a Redis, which answers hardly anything then. */
async function isLoading(server: ServerUrl): Promise<boolean> {
  if (server.kind !== 'redis') return false
  const client = await Client.open(redisOptions(server)).catch(() => undefined)
  const { loading } = fieldsOf(await client?.text('INFO', 'persistence'))
  client?.close()
  return loading === '1'
}

/** What to do, and the page that says more. */
function cureOf({ code, message }: ServerEventsError, server: ServerUrl): [fix: string, page: string] {
  const { kind, password } = server
  const users = { redis: docs.users, 'redis-cluster': docs.users, nats: docs.natsUsers, postgres: docs.postgres }[kind]
  if (code === 'ERR_AUTH')
    return [password === undefined ? 'the server wants a password: scheme://user:password@host' : 'check user name and password', users] // prettier-ignore
  if (message.includes('cannot be selected')) return ['ACL SETUSER <user> +select, or use database 0', users]
  if (message.includes('no such database')) return ['name a database that exists: postgres://host/database', users]
  if (message.includes('standby')) return ['connect to the primary', users]
  if (message.includes('is a Sentinel')) return ['give this command the master that it names', docs.sentinel]
  if (message.includes('replica')) return ['connect to the master, or by Sentinel, which names it', docs.sentinel]
  if (message.includes('not a node of a Cluster'))
    return ['if it is a single server, use redis:// here, and new RedisTransport(url) in the code', docs.cluster]
  if (/CERT|SIGNED|ALTNAME|ISSUER/.test(message))
    return ['have the certificate made for this host name; trust a CA of your own by NODE_EXTRA_CA_CERTS=/path/to/ca.pem', docs.tls] // prettier-ignore
  return [cureOfPlace(message, server), docs.errors]
}

function cureOfPlace(message: string, server: ServerUrl): string {
  const otherPort = server.tls ? 'a port without TLS' : `a port for TLS (${askForTls(server)})`
  if (message.includes('ECONNREFUSED')) return 'nothing listens there: check host and port, and that the server runs'
  if (/ENOTFOUND|EAI_AGAIN/.test(message)) return 'the name does not resolve: check it, and the DNS of this machine'
  if (/not ready within|no answer in time|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/.test(message))
    return `no answer: a firewall, a server that is frozen, or ${otherPort}`
  return `check host and port, and whether it is ${otherPort}`
}
