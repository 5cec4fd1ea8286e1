import { docs, bad, ok, warn } from '../finding'
import type { Finding } from '../finding'
import type { ServerUrl } from '../../server-url'
import { fieldsOf } from '../../redis/client'
import type { Client } from '../../redis/client'

/** The oldest major version that the tests of this library have run on. */
const OLDEST = 6

/** What answers: version, and whether it is what the URL says. */
export async function checkServer(client: Client, kind: ServerUrl['kind']): Promise<Finding[]> {
  const info = await client.ask('INFO', 'server')
  if (info.refused !== undefined)
    return [
      warn(
        'server',
        `INFO is refused (${info.refused}): version and mode are not known, and ioredis prints a warning per connection`,
        'grant +info, or set enableReadyCheck: false',
        docs.users,
      ),
    ]
  const { redis_version: version = '?', redis_mode: mode, valkey_version: valkey } = fieldsOf(String(info.value))
  const what = `${valkey === undefined ? `Redis ${version}` : `Valkey ${valkey}`}, ${mode ?? 'unknown mode'}`
  const findings: Finding[] = []
  if (Number.parseInt(version) < OLDEST)
    findings.push(warn('server', `${what}: older than what is tested`, `use Redis ${OLDEST} or later`, docs.operations))
  else findings.push(ok('server', what))

  if (mode === 'cluster' && kind === 'redis')
    findings.push(
      bad(
        'cluster',
        'a node of a Cluster is used as a single server: most kept outcomes are refused (MOVED), and if this node fails nobody goes to another one',
        'use redis+cluster:// here, and new RedisTransport({ cluster: [{ host, port }] }) in the code',
        docs.cluster,
      ),
    )
  return findings
}

/** Whether it is the master: a replica was not connected to, so it can only be that nobody may ask. */
export async function checkRole(client: Client): Promise<Finding> {
  const { value, refused } = await client.ask('ROLE')
  const replicas = Array.isArray(value) ? (value as unknown[])[2] : undefined
  // Who may not ask for ROLE can mostly ask INFO.
  const { role, connected_slaves: connected } = fieldsOf(await client.text('INFO', 'replication'))
  if (!Array.isArray(replicas) && role === undefined)
    return warn('role', `whether it is the master is not known: ROLE is refused (${refused ?? 'no answer'})`, 'grant +role, or +info', docs.users) // prettier-ignore
  const count = Array.isArray(replicas) ? replicas.length : Number(connected ?? 0)
  return ok('role', `master, ${count === 1 ? '1 replica' : `${count} replicas`}`)
}

/** In ms; what is told of ages and latencies across machines is off by that much. */
const TOLERATED = 1_000

export async function checkClock(client: Client): Promise<Finding | undefined> {
  const before = Date.now()
  const { value } = await client.ask('TIME')
  const after = Date.now()
  if (!Array.isArray(value)) return undefined
  const [seconds, micros] = (value as unknown[]).map(Number) as [number, number]
  const server = seconds * 1_000 + micros / 1_000
  // Somewhere between asking and hearing; what is outside of it is off.
  const off = server < before ? server - before : server > after ? server - after : 0
  const found = `the clock of the server is ${Math.abs(off) < 1 ? 'as' : `${Math.round(Math.abs(off))} ms ${off < 0 ? 'behind' : 'ahead of'}`} ours`
  if (Math.abs(off) <= TOLERATED) return ok('clock', found)
  return warn(
    'clock',
    found,
    'set both by NTP: waits do not mind, but latencies between machines and the times in logs are off by that',
    docs.operations,
  )
}
