import { fleetGroup, ofRedis, ofServer, titleOf } from '../cases/fleet'
import type { Row } from '../row'

/** What one event of one name costs, each alone in its PUBLISH, which is the most it can cost. CPU in µs. */
export interface UnitCosts {
  /** Of Redis, for a PUBLISH in 'pattern' mode: `redis + redisAServer * servers`. */
  readonly redis: number
  readonly redisAServer: number
  /** Of Redis in 'id' mode: SUBSCRIBE, PUBLISH and UNSUBSCRIBE, whatever the number of servers. */
  readonly redisById: number
  /** Of Redis with homes, whatever the number of servers: a PUBLISH to the one that waits. */
  readonly redisByHome: number
  /** Of the server that waits. */
  readonly wait: number
  readonly waitById: number
  readonly waitByHome: number
  /** Of each other server that hears the event. */
  readonly skip: number
  /** Bytes of heap a pending wait. */
  readonly heap: number
}

export interface Fleet {
  readonly servers: number
  /** Events a second of the whole fleet, each waited for by one server. */
  readonly events: number
  /** How long a wait is pending, in seconds. */
  readonly pendingFor: number
}

/** CPU in cores. */
export interface Size {
  readonly redis: number
  readonly server: number
  readonly redisById: number
  readonly serverById: number
  readonly redisByHome: number
  readonly serverByHome: number
  /** Of each server. */
  readonly pending: number
  readonly megabytes: number
}

/** A line through two measurements; a slope below nothing is noise. */
function slope(one: number, many: number, servers: number): number {
  return Math.max(0, (many - one) / (servers - 1))
}

/** @throws Error if the run did not measure what it takes */
export function unitCostsOf(rows: readonly Row[]): UnitCosts {
  const find = (group: string, title: string, metric: string): number => {
    const found = rows.find((row) => row.group === group && row.title === title && row.metric === metric)
    if (!found) throw new Error(`no result of ${group}: ${title}, ${metric}`)
    return found.value.median
  }
  const most = mostServers(rows)
  /** Of Redis, and of all servers together, in a fleet of one and in the largest. */
  const costsOf = (mode: string, servers: number): { redis: number; waiting: number } => {
    const title = titleOf(mode, servers)
    return { redis: find(fleetGroup, title, ofRedis), waiting: find(fleetGroup, title, ofServer) * servers }
  }
  const [one, many] = [costsOf('pattern', 1), costsOf('pattern', most)]
  const [byId, byHome] = [costsOf('id', most), costsOf('homes', most)]
  const redisAServer = slope(one.redis, many.redis, most)
  return {
    redis: Math.max(0, one.redis - redisAServer),
    redisAServer,
    redisById: byId.redis,
    redisByHome: byHome.redis,
    wait: one.waiting,
    waitById: byId.waiting,
    waitByHome: byHome.waiting,
    skip: slope(one.waiting, many.waiting, most),
    heap: find('Memory', 'ours, ids of 36 characters', 'heap a pending wait'),
  }
}

function mostServers(rows: readonly Row[]): number {
  const fleets = rows.filter(({ group }) => group === fleetGroup)
  return Math.max(0, ...fleets.map(({ title }) => Number.parseInt(title.split(', ')[1] ?? '')))
}

export function sizeOf(costs: UnitCosts, { servers, events, pendingFor }: Fleet): Size {
  const perSecond = events / 1_000_000
  const own = 1 / servers
  const pending = (events * pendingFor) / servers
  return {
    redis: perSecond * (costs.redis + costs.redisAServer * servers),
    server: perSecond * (costs.wait * own + costs.skip * (1 - own)),
    redisById: perSecond * costs.redisById,
    serverById: perSecond * costs.waitById * own,
    redisByHome: perSecond * costs.redisByHome,
    serverByHome: perSecond * costs.waitByHome * own,
    pending,
    megabytes: (pending * costs.heap) / 1_000_000,
  }
}
