import type { Row } from './row'

/** What one event of one name costs, each alone in its PUBLISH: the dearest way. CPU in µs. */
export interface UnitCosts {
  /** Of Redis, for a PUBLISH in 'pattern' mode: `redis + redisAServer * servers`. */
  readonly redis: number
  readonly redisAServer: number
  /** Of Redis in 'id' mode: SUBSCRIBE, PUBLISH and UNSUBSCRIBE, whatever the number of servers. */
  readonly redisById: number
  /** Of the server that waits. */
  readonly wait: number
  readonly waitById: number
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
  /** Of each server. */
  readonly pending: number
  readonly megabytes: number
}

/** Measured with one server and with so many. */
const measuredServers = 20

function find(rows: readonly Row[], group: string, title: string, metric: string, against?: string): Row {
  const found = rows.find(
    (row) => row.group === group && row.title === title && row.metric === metric && row.against === against,
  )
  if (!found) throw new Error(`no result of ${group}: ${title}, ${metric}`)
  return found
}

/** A line through two measurements; a slope below nothing is noise. */
function slope(one: number, many: number): number {
  return Math.max(0, (many - one) / (measuredServers - 1))
}

/** @throws Error if the run did not measure what it takes */
export function unitCostsOf(rows: readonly Row[]): UnitCosts {
  const sides = (mode: string, metric: string): { one: number; many: number } => {
    const { ours = NaN, theirs = NaN } = find(
      rows,
      'Servers',
      `${mode}, 20 servers, each waits, 256 in flight`,
      metric,
      '1 server',
    )
    return { one: theirs, many: ours }
  }
  const redis = sides('pattern', 'Redis CPU a wait')
  const waiting = sides('pattern', 'CPU a wait, waiting side')
  const redisAServer = slope(redis.one, redis.many)
  return {
    redis: Math.max(0, redis.one - redisAServer),
    redisAServer,
    redisById: sides('id', 'Redis CPU a wait').many,
    wait: waiting.one,
    waitById: sides('id', 'CPU a wait, waiting side').many,
    skip: slope(waiting.one, waiting.many),
    heap: find(rows, 'Memory', 'ours, ids of 36 characters', 'heap a pending wait').value.median,
  }
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
    pending,
    megabytes: (pending * costs.heap) / 1_000_000,
  }
}
