import { ConnectionError, ForbiddenError } from 'server-events'
import type { ServerEventsError } from 'server-events'
import { Timer } from 'server-events/transport-kit'
import { replyCode } from '../errors'
import { discard } from './client'
import type { Client, RedisRole } from './client'
import type { Connection } from './connection'
import { ours } from './options'

/** Whom it tells. */
export interface RoleWatchHost {
  /** Once: the server does not let us ask. */
  blind(role: RedisRole, error: ServerEventsError): void
}

/** What a server says that it is; `undefined` if it did not say. */
type Role = 'master' | 'replica' | 'sentinel' | 'forbidden' | undefined

interface Watched {
  readonly connection: Connection
  readonly drop: (cause: ServerEventsError) => void
}

/** Every so many looks another connection is made to where the subscribing one leads. */
const LOOKS = 3

/**
 * Sees to it that both sides are connected to a master. What is published on a replica reaches its
 * own subscribers only, and it is accepted there; and after a failover, or when an address leads
 * elsewhere, connections live on. A subscribing connection cannot be asked, so where it leads is.
 */
export class RoleWatch {
  readonly #interval: number
  readonly #timeout: number
  readonly #host: RoleWatchHost
  readonly #watched = new Map<RedisRole, Watched>()
  readonly #timer = new Timer(() => void this.#look())
  readonly #vetted = new WeakSet<Client>()
  /** Which process a client is connected to, as far as it says so. */
  readonly #runs = new WeakMap<Client, string>()
  #probe: Client | undefined
  #turn = 0
  #blind = false
  #closed = false
  /** Once an address that led elsewhere had us dial, and again led elsewhere: then it is no one server's. */
  #movedBefore = false
  #comparing = true

  /** Both in ms; `interval` 0 for at connecting only. */
  constructor(interval: number, timeout: number, host: RoleWatchHost) {
    this.#interval = interval
    this.#timeout = timeout
    this.#host = host
  }

  /** Rejects if it is a replica, or a Sentinel. */
  async vet(client: Client, place: string, side: RedisRole): Promise<void> {
    if (client.role) this.#vetted.add(client)
    const [role, run] = await Promise.all([roleOf(client), runOf(client)])
    if (run !== undefined) this.#runs.set(client, run)
    if (role === 'replica') throw replicaAt(place)
    if (role === 'sentinel') throw sentinelAt(place)
    if (role !== 'forbidden' || this.#blind) return
    this.#blind = true
    const cannot = `redis at ${place} forbids ROLE and INFO, so a replica cannot be told from a master: grant +role`
    this.#host.blind(side, new ForbiddenError(cannot))
  }

  /** The connection stands. `drop` gives it up. What was not vetted may be a replica, as a node of a Cluster. */
  add(side: RedisRole, connection: Connection, drop: (cause: ServerEventsError) => void): void {
    if (this.#interval === 0 || this.#closed || !this.#vetted.has(connection.client)) return
    this.#watched.set(side, { connection, drop })
    if (!this.#timer.armed) this.#arm()
  }

  remove(side: RedisRole): void {
    this.#watched.delete(side)
    if (this.#watched.size === 0) this.#timer.clear()
  }

  close(): void {
    this.#closed = true
    this.#watched.clear()
    this.#timer.clear()
    this.#hangUp()
  }

  #arm(): void {
    this.#timer.arm(Math.round(this.#interval * (0.85 + Math.random() * 0.3)), false)
  }

  async #look(): Promise<void> {
    const publishing = this.#watched.get('publish')
    const role = publishing && (await within(this.#timeout, roleOf(publishing.connection.client)))
    if (role === 'replica') publishing?.drop(replicaAt(publishing.connection.place))
    const subscribing = this.#watched.get('subscribe')
    const same = publishing && subscribing && this.#isSame(publishing.connection.client, subscribing.connection.client)
    if (same && role === 'replica') subscribing.drop(replicaAt(subscribing.connection.place))
    else if (role === 'replica' || ++this.#turn % LOOKS === 0) await this.#lookAround()
    if (this.#watched.size > 0 && !this.#closed) this.#arm()
  }

  /** Asks where a connection leads, over another one. What goes wrong with that says nothing of it. */
  async #lookAround(): Promise<void> {
    const subscribing = this.#watched.get('subscribe')
    const watched = subscribing ?? this.#watched.get('publish')
    const probe = watched && duplicateOf(watched.connection.client)
    if (!probe) return
    this.#probe = probe
    try {
      const answers = ready(probe).then(() => Promise.all([roleOf(probe), runOf(probe)]))
      const [role, run] = (await within(this.#timeout, answers)) ?? []
      if (this.#closed) return
      if (role !== 'replica') this.#compare(watched.connection.client, run)
      else if (this.#watched.get('subscribe') === subscribing)
        subscribing?.drop(replicaAt(subscribing.connection.place))
    } catch {
      // The next look asks again.
    } finally {
      this.#hangUp()
    }
  }

  /** Whoever is connected to what the address does not lead to any more is to connect anew. */
  #compare(client: Client, run: string | undefined): void {
    const before = this.#runs.get(client)
    if (!this.#comparing || run === undefined || before === undefined) return
    const isElsewhere = run !== before
    if (isElsewhere && this.#movedBefore) this.#comparing = false
    else if (isElsewhere)
      for (const { connection, drop } of [...this.#watched.values()])
        if (this.#runs.get(connection.client) === before) drop(movedFrom(connection.place))
    this.#movedBefore = isElsewhere
  }

  #isSame(one: Client, other: Client): boolean {
    const run = this.#runs.get(one)
    return run !== undefined && run === this.#runs.get(other)
  }

  #hangUp(): void {
    if (this.#probe) void discard(this.#probe)
    this.#probe = undefined
  }
}

/** ROLE or, where that is not allowed or not known, INFO. Never rejects. */
async function roleOf(client: Client): Promise<Role> {
  if (!client.role) return undefined
  try {
    const answer = await client.role()
    const [role] = Array.isArray(answer) ? (answer as unknown[]) : []
    return role === 'slave' ? 'replica' : role === 'master' || role === 'sentinel' ? role : undefined
  } catch (error) {
    const code = replyCode(error)
    return code === 'NOPERM' || code === 'UNKNOWN' ? await roleInInfo(client) : undefined
  }
}

async function roleInInfo(client: Client): Promise<Role> {
  try {
    const [, role] = /^role:(\w+)/m.exec(String(await client.info?.('replication'))) ?? []
    return role === 'slave' ? 'replica' : role === 'master' ? 'master' : undefined
  } catch (error) {
    return replyCode(error) === 'NOPERM' ? 'forbidden' : undefined
  }
}

/** Never rejects. */
async function runOf(client: Client): Promise<string | undefined> {
  if (!client.role) return undefined
  try {
    return /^run_id:(\w+)/m.exec(String(await client.info?.('server')))?.[1]
  } catch {
    return undefined
  }
}

function replicaAt(place: string): ConnectionError {
  return new ConnectionError(
    `no connection to redis at ${place}: it is a replica, where events reach nobody else: connect to its master`,
  )
}

function sentinelAt(place: string): ConnectionError {
  return new ConnectionError(
    `no connection to redis at ${place}: it is a Sentinel: give the options sentinels: [{ host, port }] and name, the master's`,
  )
}

function movedFrom(place: string): ConnectionError {
  return new ConnectionError(`redis at ${place} is another server by now: the connection is replaced`)
}

/** Of ioredis-mock there is none worth asking, and a client that cannot be copied is not asked either. */
function duplicateOf(client: Client): Client | undefined {
  try {
    const probe = client.duplicate?.({ ...ours, lazyConnect: true, enableReadyCheck: false, failoverDetector: false })
    probe?.on('error', () => undefined)
    return probe
  } catch {
    return undefined
  }
}

function ready(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.on('ready', resolve)
    client.on('close', () => reject(new Error('closed')))
    client.connect?.().catch(reject)
  })
}

function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = new Timer(() => resolve(undefined))
    timer.arm(ms, false)
    promise.then(resolve, reject).finally(() => timer.clear())
  })
}
