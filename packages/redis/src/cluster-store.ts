import { ConnectionError } from 'server-events'
import type { Receiver, ServerEventsError } from 'server-events'
import { slotOf } from './cluster-map'
import type { Address } from './cluster-map'
import { ClusterNode } from './cluster-node'
import type { Request, Router } from './cluster-node'
import type { ClusterSource } from './cluster-source'
import { closedError, replyCode } from './errors'
import type { Kept } from './kept'
import type { Connection } from './link'
import type { Settings } from './options'
import type { Store, Wanted } from './store'
import { Timer } from './timer'

/** How long it takes until what could not be written is tried again, in ms, and how long a node has to say where slots are. */
const AGAIN = 150
const SLOTS_TIMEOUT = 1_000
/** After so many in a row a request waits like one whose master is away. */
const MAX_REDIRECTIONS = 5

/**
 * Kept outcomes in a Cluster: each key on the master of its slot, over a connection of its own.
 * ioredis' Cluster is no help here: it writes again what it was asked to write, after a loss, an
 * answer MOVED or in its queue, when nobody waits for it any more, and replaces what is newer.
 */
export class ClusterStore implements Store, Router {
  readonly inOrder = false
  private readonly nodes = new Map<Address, ClusterNode>()
  /** What has no master to be written to. */
  private readonly waiting = new Set<Request>()
  /** The last write of each key that is not answered: the next one comes after it, wherever it goes. */
  private readonly writes = new Map<string, Promise<unknown>>()
  private readonly timer = new Timer(() => void this.again())
  private home: Connection | undefined
  private turn = 0
  private closed = false

  constructor(
    private readonly source: ClusterSource,
    private readonly settings: Settings,
    private readonly receiver: Receiver,
  ) {}

  set(home: Connection, { key, value, ms }: Kept, wanted: Wanted): Promise<unknown> {
    this.home = home
    return this.inTurn(key, () => this.request(key, wanted, true, (client) => client.set(key, value, 'PX', ms)))
  }

  del(home: Connection, key: string, wanted: Wanted): Promise<unknown> {
    this.home = home
    return this.inTurn(key, () => this.request(key, wanted, true, (client) => client.del(key)))
  }

  get(home: Connection, key: string, wanted: Wanted): Promise<string | null> {
    this.home = home
    return this.request(key, wanted, false, (client) => client.get(key)) as Promise<string | null>
  }

  async close(): Promise<void> {
    this.closed = true
    this.timer.clear()
    this.source.close()
    for (const { reject } of this.waiting) reject(closedError())
    this.waiting.clear()
    await Promise.all([...this.nodes.values()].map((node) => node.close()))
  }

  connected(): void {
    this.routeAll()
  }

  refused(request: Request, error: unknown, { address }: ClusterNode): void {
    const { map } = this.source
    const [code, , target] = (error as Error).message.split(' ')
    switch (code) {
      case 'MOVED':
        if (target !== undefined) map.moved(request.slot, target, address)
        this.later()
        this.redirect(request)
        break
      case 'ASK':
        if (target !== undefined) request.asks = map.reach(target, address)
        this.redirect(request)
        break
      case 'TRYAGAIN':
      case 'CLUSTERDOWN':
      case 'LOADING':
      case 'MASTERDOWN':
      case 'READONLY':
        if (request.patient) this.hold(request)
        else request.reject(error)
        this.later()
        break
      default:
        request.reject(error)
    }
  }

  lost(unanswered: readonly Request[], error: ServerEventsError): void {
    if (this.closed) return
    this.receiver.error('inputStore', error)
    for (const request of [...unanswered, ...this.waiting]) this.route(request)
    this.later()
  }

  private request(key: string, wanted: Wanted, patient: boolean, run: Request['run']): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const slot = slotOf(key)
      this.route({ slot, run, wanted, patient, resolve, reject, asks: undefined, redirections: 0, writtenAt: 0 })
    })
  }

  private async inTurn(key: string, write: () => Promise<unknown>): Promise<unknown> {
    const before = this.writes.get(key)
    const written = before ? before.then(write, write) : write()
    this.writes.set(key, written)
    try {
      return await written
    } finally {
      if (this.writes.get(key) === written) this.writes.delete(key)
    }
  }

  private redirect(request: Request): void {
    if (++request.redirections % MAX_REDIRECTIONS === 0) this.hold(request)
    else this.route(request)
  }

  private hold(request: Request): void {
    this.waiting.add(request)
    this.later()
  }

  private route(request: Request): void {
    this.waiting.delete(request)
    if (this.closed || !request.wanted()) {
      request.reject(closedError())
      return
    }
    const address = request.asks ?? this.source.map.ownerOf(request.slot)
    const node = address === undefined ? undefined : this.nodeAt(address)
    if (node?.connection) {
      node.write(request, node.connection)
      return
    }
    if (node?.failing) request.asks = undefined
    node?.open()
    if (node?.failing && !request.patient)
      request.reject(new ConnectionError(`no connection to redis at ${node.address}, the master of this key`))
    else this.hold(request)
  }

  private routeAll(): void {
    for (const request of [...this.waiting]) this.route(request)
  }

  private nodeAt(address: Address): ClusterNode {
    let node = this.nodes.get(address)
    if (!node) {
      node = new ClusterNode(address, { dial: () => this.source.dialNode(address) }, this.settings, this)
      this.nodes.set(address, node)
    }
    return node
  }

  private later(): void {
    if (!this.timer.armed && !this.closed) this.timer.arm(Math.round(AGAIN * (0.5 + Math.random())), false)
  }

  private async again(): Promise<void> {
    const refusal = await this.refresh()
    if (this.closed) return
    // Nobody says where keys are: no master will ever be known.
    if (refusal !== undefined && this.source.map.isEmpty)
      for (const request of [...this.waiting]) {
        this.waiting.delete(request)
        request.reject(refusal)
      }
    this.routeAll()
    for (const [address, node] of this.nodes) {
      if (this.source.map.isMaster(address) || !node.idle || this.isAsked(address)) continue
      this.nodes.delete(address)
      void node.close()
    }
  }

  private isAsked(address: Address): boolean {
    return [...this.waiting].some(({ asks }) => asks === address)
  }

  /** Asks one node after the other where slots are, until one answers; with the error if it refuses to tell. */
  private async refresh(): Promise<unknown> {
    const connections = [this.home, ...[...this.nodes.values()].map(({ connection }) => connection)]
    const known = connections.filter((one) => one !== undefined)
    for (let i = 0; i < Math.min(known.length, 3); i++) {
      // Not the same one first every time: it may be frozen, or see an old state of affairs.
      const { client } = known[this.turn++ % known.length] as Connection
      try {
        if (await within(SLOTS_TIMEOUT, this.source.ask(client))) return undefined
      } catch (error) {
        if (replyCode(error) !== undefined) return error
      }
    }
    return undefined
  }
}

function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = new Timer(() => resolve(undefined))
    timer.arm(ms, false)
    promise.then(resolve, reject).finally(() => timer.clear())
  })
}
