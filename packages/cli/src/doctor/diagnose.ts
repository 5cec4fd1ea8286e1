import { performance } from 'node:perf_hooks'
import { ServerEventsError } from 'server-events'
import { serverOf, withEvents } from '../connect'
import type { ServerUrl } from '../server-url'
import { bad, docs, ok } from './finding'
import type { Finding } from './finding'
import type { DoctorFlags } from './flags'
import { diagnoseByLibrary } from './by-library'
import { diagnoseRedis } from './redis/diagnose'

/** Connects as the library does and, if that works, asks for all else. */
export async function diagnose(flags: DoctorFlags): Promise<Finding[]> {
  const server = serverOf(flags)
  const began = performance.now()
  try {
    await withEvents({ ...flags, quiet: true }, {}, () => Promise.resolve())
  } catch (error) {
    if (!(error instanceof ServerEventsError) || error.code === 'ERR_INVALID_ARGUMENT') throw error
    return [bad('connection', error.message, cureOf(error, server), docs.errors)]
  }
  const connection = ok('connection', `${server.place}, in ${Math.round(performance.now() - began)} ms`)
  return [
    connection,
    ...(server.kind === 'nats' || server.kind === 'postgres'
      ? await diagnoseByLibrary(server, server.kind, flags)
      : await diagnoseRedis(server, flags)),
  ]
}

function cureOf({ code, message }: ServerEventsError, { tls, password }: ServerUrl): string {
  if (code === 'ERR_AUTH')
    return password === undefined ? 'the server wants a password: scheme://user:password@host' : 'check user name and password' // prettier-ignore
  if (message.includes('cannot be selected')) return 'ACL SETUSER <user> +select, or use database 0'
  if (message.includes('replica')) return 'connect to the master, or by Sentinel, which names it'
  if (/CERT|SIGNED|ALTNAME|ISSUER/.test(message))
    return 'have the certificate made for this host name; trust a CA of your own by NODE_EXTRA_CA_CERTS=/path/to/ca.pem'
  if (message.includes('ECONNREFUSED')) return 'nothing listens there: check host and port, and that the server runs'
  if (/ENOTFOUND|EAI_AGAIN/.test(message)) return 'the name does not resolve: check it, and the DNS of this machine'
  if (/not ready within|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/.test(message))
    return `no answer: a firewall, a server that is frozen${tls ? ', or a port without TLS' : ''}`
  return `check host and port${tls ? '' : ', and whether it is a port for TLS (rediss://)'}`
}
