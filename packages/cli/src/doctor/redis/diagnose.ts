import type { RedisOptions } from 'ioredis'
import { redisOptions } from '../../connect'
import type { Host, ServerUrl } from '../../server-url'
import { bad, docs, ok } from '../finding'
import type { Finding } from '../finding'
import type { DoctorFlags } from '../flags'
import { Client } from '../../redis/client'
import { askCluster } from '../../redis/cluster'
import { checkLatency } from './latency'
import { probeOf } from '../../redis/probe'
import { checkPermissions } from './permissions'
import { checkPassword, checkTls } from './security'
import { checkClock, checkRole, checkServer } from './server'
import { checkSettings } from './settings'
import { checkFormerPeers, checkPatterns } from './traffic'

/** A name that nobody has. */
const NOBODYS = 'server-events-doctor'

/** All that can be asked of a Redis, or of each master of a Cluster. It has been connected to just now. */
export async function diagnoseRedis(server: ServerUrl, flags: DoctorFlags): Promise<Finding[]> {
  if (server.kind === 'redis') return examine(server, server.hosts[0], flags)
  const { findings, masters } = await checkCluster(server)
  const each: (readonly [string, Finding[]])[] = []
  for (const master of masters) each.push([`${master.host}:${master.port}`, await examine(server, master, flags)])
  return [...findings, ...merge(each)]
}

async function examine(server: ServerUrl, host: Host, flags: DoctorFlags): Promise<Finding[]> {
  const options: RedisOptions = redisOptions(server, host)
  const open: Client[] = []
  const dial = async (): Promise<Client> => {
    const client = await Client.open(options)
    open.push(client)
    return client
  }
  try {
    const publisher = await dial()
    const findings = await checkServer(publisher, server.kind)
    findings.push(await checkRole(publisher), checkTls(publisher, server), await checkPassword(options, server))
    // Before ours are among them.
    findings.push(await checkPatterns(publisher))
    const probes = (flags.name ?? [NOBODYS]).map((name) => probeOf(name, flags))
    const wanted = { ...flags, cluster: server.kind === 'redis-cluster', db: server.db }
    for (const probe of probes) findings.push(...(await checkPermissions(publisher, await dial(), probe, wanted)))
    findings.push(...(await checkSettings(publisher, flags)))
    findings.push(...(await checkLatency(publisher, await dial(), probes[0] ?? probeOf(NOBODYS, flags))))
    const clock = await checkClock(publisher)
    const peers = flags.listen === 0 ? undefined : await checkFormerPeers(await dial(), flags.listen)
    // What was not answered any more would look like what is refused.
    if (open.some(({ isLost }) => isLost)) return [lost(host)]
    return [...findings, ...[clock, peers].filter((finding) => finding !== undefined)]
  } catch {
    return [lost(host)]
  } finally {
    for (const client of open) client.close()
  }
}

function lost({ host, port }: Host): Finding {
  const found = `the connection to ${host}:${port} was lost, or could not be made`
  const fix = 'try again; of a Cluster, see that each node announces an address that is reached from here'
  return bad('connection', found, fix, docs.faults)
}

/** Whether it works as a whole, and which masters there are. */
async function checkCluster(server: ServerUrl): Promise<{ findings: Finding[]; masters: readonly Host[] }> {
  const cluster = await askCluster(server)
  // Not allowed to ask, or none: what this node is will be told by the other checks.
  if (cluster === undefined) return { findings: [], masters: [server.hosts[0]] }
  const { masters, replicas, served, state } = cluster
  const found = `${masters.length} masters, ${replicas.length} replicas, ${served} of 16384 slots; events go to every node, not by slot`
  const fix = 'see CLUSTER NODES: outcomes of slots that nobody serves are refused (CLUSTERDOWN)'
  const works = (state ?? 'ok') === 'ok' && served === 16_384
  const finding = works
    ? ok('cluster', found)
    : bad('cluster', `${found}; cluster_state ${state ?? '?'}`, fix, docs.cluster)
  return { findings: [finding], masters }
}

/** What all nodes say alike is said once, what is said of some with their addresses. */
function merge(each: readonly (readonly [string, Finding[]])[]): Finding[] {
  const merged = new Map<string, { finding: Finding; nodes: string[]; isAlike: boolean }>()
  for (const [node, findings] of each) {
    for (const finding of findings) {
      // Figures differ from node to node; what is right may differ in them.
      const key =
        finding.status === 'ok' ? `${finding.check}\0ok` : `${finding.check}\0${finding.status}\0${finding.fix ?? ''}`
      const known = merged.get(key)
      if (known) {
        known.nodes.push(node)
        known.isAlike &&= known.finding.found === finding.found
      } else merged.set(key, { finding, nodes: [node], isAlike: true })
    }
  }
  return [...merged.values()].map(({ finding, nodes, isAlike }) => {
    const where = nodes.length === each.length ? 'each node' : nodes.join(', ')
    const [first = ''] = nodes
    const found = isAlike ? finding.found : `such as ${first}: ${finding.found}`
    return { ...finding, found: each.length === 1 ? finding.found : `${where}: ${found}` }
  })
}
