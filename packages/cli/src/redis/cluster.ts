import { redisOptions } from '../connect'
import type { Host, ServerUrl } from '../server-url'
import { Client, fieldsOf } from './client'

/** What a node of a Cluster knows of all of them. */
export interface Cluster {
  readonly masters: readonly Host[]
  readonly replicas: readonly Host[]
  /** How many slots have a master. */
  readonly served: number
  /** `ok`, or not; `undefined` if that may not be asked. */
  readonly state: string | undefined
}

/** Asks the first node that can be reached; `undefined` if it is not a member or may not be asked. */
export async function askCluster(server: ServerUrl): Promise<Cluster | undefined> {
  for (const host of server.hosts) {
    const client = await Client.open(redisOptions(server, host)).catch(() => undefined)
    if (client === undefined) continue
    try {
      const { cluster_state: state } = fieldsOf(await client.text('CLUSTER', 'INFO'))
      const { value } = await client.ask('CLUSTER', 'SLOTS')
      return Array.isArray(value) && value.length > 0 ? { ...readSlots(value as Range[], host), state } : undefined
    } finally {
      client.close()
    }
  }
  return undefined
}

/** As CLUSTER SLOTS has it: of each node its address, the master first. */
type Range = readonly [first: number, last: number, ...nodes: (readonly [host: string | null, port: number])[]]

function readSlots(ranges: readonly Range[], from: Host): Omit<Cluster, 'state'> {
  const masters = new Map<string, Host>()
  const replicas = new Map<string, Host>()
  let served = 0
  for (const [first, last, ...nodes] of ranges) {
    served += last - first + 1
    for (const [index, [announced, port]] of nodes.entries()) {
      // A node that does not know its own address is where it was asked.
      const host = announced === null || announced === '' || announced === '?' ? from.host : announced
      const kind = index === 0 ? masters : replicas
      kind.set(`${host}:${port}`, { host, port })
    }
  }
  return { masters: [...masters.values()], replicas: [...replicas.values()], served }
}
