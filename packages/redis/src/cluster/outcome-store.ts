import { ConnectionError } from 'server-events'
import type { Receiver, ServerEventsError } from 'server-events'
import { Timer } from 'server-events/transport-kit'
import { slotOf } from './topology'
import type { Address } from './topology'
import { ClusterNode } from './node'
import type { Request, Router } from './node'
import type { ClusterClients } from './clients'
import { closedError, isPassing, replyCode } from '../errors'
import type { StoredOutcome } from '../outcomes/key'
import type { Connection } from '../client/link'
import type { Settings } from '../options'
import { add, replace } from '../outcomes/store'
import type { OutcomeStore, Trial, Wanted } from '../outcomes/store'
import { within } from './within'

/** How long it takes until what could not be written is tried again, in ms, and how long a node has to say where slots are. */
const AGAIN = 150
const SLOTS_TIMEOUT = 1_000
/** After so many in a row a request waits like one whose master is away: nodes may send it round in circles. */
const MAX_REDIRECTIONS = 2
/** As a node, or a proxy before it, says that a key is elsewhere. */
const redirection = /^(?:ERR -?)?(?:MOVED|ASK) \d+ (\S+)/

const noop = (): void => undefined

/**
 * Kept outcomes in a Cluster: each key on the master of its slot, over a connection of its own.
 * ioredis' Cluster is no help here: it writes again what it was asked to write, after a loss, an
 * answer MOVED or in its queue, when nobody waits for it any more, and replaces what is newer.
 */
export class ClusterOutcomeStore implements OutcomeStore, Router {
  readonly #source: ClusterClients
  readonly #settings: Settings
  readonly #receiver: Receiver
  readonly inOrder = false
  readonly #nodes = new Map<Address, ClusterNode>()
  /** What has no master to be written to. */
  readonly #waiting = new Set<Request>()
  /** The last write of each key that is not answered: the next one comes after it, wherever it goes. */
  readonly #writes = new Map<string, Promise<unknown>>()
  readonly #timer = new Timer(() => void this.#again())
  #home: Connection | undefined
  #turn = 0
  #refreshing = false
  #closed = false

  constructor(source: ClusterClients, settings: Settings, receiver: Receiver) {
    this.#source = source
    this.#settings = settings
    this.#receiver = receiver
  }

  set(home: Connection, { key, value, ms }: StoredOutcome, trial: Trial): Promise<unknown> {
    this.#home = home
    return this.#write(key, trial, (client) => client.set(key, value, 'PX', ms))
  }

  add(home: Connection, outcome: StoredOutcome, trial: Trial): Promise<unknown> {
    this.#home = home
    return this.#write(outcome.key, trial, (client) => add({ client }, outcome))
  }

  replace(home: Connection, outcome: StoredOutcome, value: Buffer, trial: Trial): Promise<unknown> {
    this.#home = home
    return this.#write(outcome.key, trial, (client) => replace({ client }, outcome, value))
  }

  del(home: Connection, key: string, wanted: Wanted): Promise<unknown> {
    this.#home = home
    return this.#write(key, { wanted, written: noop, refused: noop }, (client) => client.del(key))
  }

  get(home: Connection, key: string, wanted: Wanted): Promise<string | null> {
    this.#home = home
    return this.#request(key, wanted, undefined, (client) => client.get(key)) as Promise<string | null>
  }

  bytes(home: Connection, key: string, wanted: Wanted): Promise<Buffer | null> {
    this.#home = home
    return this.#request(key, wanted, undefined, (client) => client.getBuffer(key)) as Promise<Buffer | null>
  }

  heard(key: string): number {
    const address = this.#source.map.ownerOf(slotOf(key))
    return (address === undefined ? undefined : this.#nodes.get(address)?.heard) ?? 0
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer.clear()
    this.#source.close()
    for (const { reject } of this.#waiting) reject(closedError())
    this.#waiting.clear()
    await Promise.all([...this.#nodes.values()].map((node) => node.close()))
  }

  connected(): void {
    this.#routeAll()
  }

  refused(request: Request, error: unknown, { address }: ClusterNode): void {
    const { map } = this.#source
    const code = replyCode(error) ?? ''
    const target = redirection.exec((error as Error).message)?.[1] ?? ''
    if (code === 'MOVED') {
      // Without an address it is found out where slots are, below.
      const isKnown = map.moved(request.slot, target, address)
      this.#later()
      this.#redirect(request, isKnown)
    } else if (code === 'ASK') {
      request.asks = map.reach(target, address)
      this.#redirect(request, request.asks !== undefined)
    } else if (isPassing(code) || code === 'READONLY') this.#hold(request)
    else request.reject(error)
  }

  lost(unanswered: readonly Request[], error: ServerEventsError): void {
    if (this.#closed) return
    this.#receiver.error('inputStore', error)
    for (const request of [...unanswered, ...this.#waiting]) this.#route(request)
    this.#later()
  }

  gone({ address }: ClusterNode): void {
    for (const request of [...this.#waiting])
      if ((request.asks ?? this.#source.map.ownerOf(request.slot)) === address) this.#route(request)
  }

  #request(key: string, wanted: Wanted, trial: Trial | undefined, run: Request['run']): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const slot = slotOf(key)
      const none = { asks: undefined, redirections: 0, writtenAt: 0, losses: 0, lossesAlone: 0 }
      this.#route({ slot, run, wanted, trial, resolve, reject, ...none })
    })
  }

  /** One after the other, wherever the key is. */
  async #write(key: string, trial: Trial, run: Request['run']): Promise<unknown> {
    const write = (): Promise<unknown> => this.#request(key, trial.wanted, trial, run)
    const before = this.#writes.get(key)
    const written = before ? before.then(write, write) : write()
    this.#writes.set(key, written)
    try {
      return await written
    } finally {
      if (this.#writes.get(key) === written) this.#writes.delete(key)
    }
  }

  #redirect(request: Request, isKnown: boolean): void {
    if (isKnown && ++request.redirections <= MAX_REDIRECTIONS) this.#route(request)
    else this.#hold(request)
  }

  #hold(request: Request): void {
    this.#waiting.add(request)
    this.#later()
  }

  #route(request: Request): void {
    this.#waiting.delete(request)
    if (this.#closed || !request.wanted()) {
      request.reject(closedError())
      return
    }
    const address = request.asks ?? this.#source.map.ownerOf(request.slot)
    const node = address === undefined ? undefined : this.#nodeAt(address)
    if (node?.connection) {
      node.write(request)
      return
    }
    if (node?.failing) request.asks = undefined
    node?.open()
    if (node?.failing && !request.trial)
      request.reject(new ConnectionError(`no connection to redis at ${node.address}, the master of this key`))
    else this.#hold(request)
  }

  #routeAll(): void {
    for (const request of [...this.#waiting]) this.#route(request)
  }

  #nodeAt(address: Address): ClusterNode {
    let node = this.#nodes.get(address)
    if (!node) {
      node = new ClusterNode(address, { dial: () => this.#source.dialNode(address) }, this.#settings, this)
      this.#nodes.set(address, node)
    }
    return node
  }

  #later(): void {
    if (!this.#timer.armed && !this.#closed) this.#timer.arm(Math.round(AGAIN * (0.5 + Math.random())), false)
  }

  async #again(): Promise<void> {
    if (this.#refreshing) return
    this.#refreshing = true
    const refusal = await this.#refresh()
    this.#refreshing = false
    if (this.#closed) return
    // Nobody says where keys are: no master will ever be known.
    if (refusal !== undefined && !isPassing(replyCode(refusal) ?? '') && this.#source.map.isEmpty)
      for (const request of [...this.#waiting]) {
        this.#waiting.delete(request)
        request.reject(refusal)
      }
    this.#routeAll()
    for (const [address, node] of this.#nodes) {
      if (this.#source.map.isMaster(address) || !node.idle || this.#isAsked(address)) continue
      this.#nodes.delete(address)
      void node.close()
    }
  }

  #isAsked(address: Address): boolean {
    return [...this.#waiting].some(({ asks }) => asks === address)
  }

  /** Asks one node after the other where slots are, until one answers; with the error if it refuses to tell. */
  async #refresh(): Promise<unknown> {
    const connections = [this.#home, ...[...this.#nodes.values()].map(({ connection }) => connection)]
    const known = connections.filter((one) => one !== undefined)
    for (let i = 0; i < Math.min(known.length, 3); i++) {
      // Not the same one first every time: it may be frozen, or see an old state of affairs.
      const { client } = known[this.#turn++ % known.length] as Connection
      try {
        if (await within(SLOTS_TIMEOUT, this.#source.ask(client))) return undefined
      } catch (error) {
        if (replyCode(error) !== undefined) return error
      }
    }
    return undefined
  }
}
