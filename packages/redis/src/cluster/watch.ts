import { Timer } from 'server-events/transport-kit'
import { discard, isReady } from '../client/client'
import type { Client } from '../client/client'
import { isSameNode } from './topology'
import type { Address, Place, Topology } from './topology'
import { within } from './within'

/** How the nodes of a Cluster are reached and asked. */
export interface Nodes {
  readonly map: Topology
  /** A client that is not connected yet. `anew` if what was used last time may be out of date. */
  dialWitness(address: Address, anew: boolean): Promise<Client | undefined>
  identify(client: Client): Promise<string | undefined>
  /** Brings the map up to date. Gives the ids of the nodes that live, if that is told; `undefined` from one that cannot know. */
  survey(client: Client): Promise<{ readonly living: ReadonlySet<string> | undefined } | undefined>
}

/** A connection that stands. */
interface Standing {
  readonly place: Place
  /** Whether it matters that its node is a member. */
  readonly judged: boolean
  /** Not one that subscribes. */
  readonly canBeAsked: boolean
  /** Whether its node was ever told of: only then does its absence mean something. */
  wasTold: boolean
}

type Use = Pick<Standing, 'judged' | 'canBeAsked'> & { readonly tellsOfItself?: boolean }

/**
 * Sees to it that the nodes we are connected to are still members. One that left, or that the
 * others have given up, answers every PING, and hears and tells nothing: so another one is asked,
 * on a connection that stands already or, if there is none, on one that is made for this and kept.
 */
export class ClusterWatch {
  readonly #nodes: Nodes
  readonly #interval: number
  readonly #timeout: number
  readonly #standing = new Map<Client, Standing>()
  readonly #timer = new Timer(() => void this.#look())
  #witness: Client | undefined
  /** Whether the last attempt to make a witness failed. */
  #failed = false
  #closed = false

  /** Both in ms; `interval` 0 for never, `timeout` for all that one look takes. */
  constructor(nodes: Nodes, interval: number, timeout: number) {
    this.#nodes = nodes
    this.#interval = interval
    this.#timeout = timeout
  }

  /**
   * Until it closes. It may have done so while it was asked who it is. A node that tells of itself is one for sure:
   * it may be new, and leave before the others have told of it.
   */
  add(client: Client, place: Place, { judged, canBeAsked, tellsOfItself = false }: Use): void {
    if (this.#interval === 0 || this.#closed || !isReady(client)) return
    const wasTold = tellsOfItself || this.#nodes.map.isMember(place)
    this.#standing.set(client, { place, judged, canBeAsked, wasTold })
    client.on('close', () => this.#left(client))
    if (!this.#timer.armed) this.#arm()
  }

  close(): void {
    this.#closed = true
    this.#standing.clear()
    this.#timer.clear()
    this.#dismiss()
  }

  #left(client: Client): void {
    this.#standing.delete(client)
    if (client === this.#witness) this.#witness = undefined
    if (this.#judged().some(([one]) => one !== this.#witness)) return
    this.#timer.clear()
    this.#dismiss()
  }

  #arm(): void {
    this.#timer.arm(Math.round(this.#interval * (0.85 + Math.random() * 0.3)), false)
  }

  /** Ends within the timeout, whatever it waits for. */
  async #look(): Promise<void> {
    const asked = new Set<Client>()
    await within(this.#timeout, this.#judgeAll(asked))
    const witness = this.#witness
    // One that says nothing, or does not even connect, is replaced the next time.
    if (witness && (asked.has(witness) || !this.#standing.has(witness))) this.#dismiss()
    if (!this.#closed && this.#standing.size > 0 && !this.#timer.armed) this.#arm()
  }

  /** `asked` are those that owe an answer. Never rejects. */
  async #judgeAll(asked: Set<Client>): Promise<void> {
    let called: Promise<void> | undefined
    const judge = async ([client, standing]: [Client, Standing]): Promise<void> => {
      const isAlone = this.#othersThan(standing.place).length === 0
      // Nobody needs to know of the witness itself.
      if (isAlone && client !== this.#witness) await (called ??= this.#callWitness().catch(() => undefined))
      const others = this.#othersThan(standing.place)
      const other = others[Math.floor(Math.random() * others.length)]
      if (!other) return
      asked.add(other)
      const told = await this.#nodes.survey(other).catch(() => undefined)
      if (!told) return
      asked.delete(other)
      if (this.#isGone(standing, told.living) && this.#standing.has(client)) client.disconnect()
    }
    await Promise.all(this.#judged().map(judge))
  }

  #isGone(standing: Standing, living: ReadonlySet<string> | undefined): boolean {
    const { place, wasTold } = standing
    const isTold = living && place.id !== undefined ? living.has(place.id) : this.#nodes.map.isMember(place)
    standing.wasTold ||= isTold
    return wasTold && !isTold
  }

  #judged(): [Client, Standing][] {
    return [...this.#standing].filter(([, { judged }]) => judged)
  }

  /** Who can be asked about a node: it would not know of itself that the others have given it up. */
  #othersThan(place: Place): Client[] {
    return [...this.#standing].flatMap(([client, other]) =>
      other.canBeAsked && !isSameNode(other.place, place) ? [client] : [],
    )
  }

  async #callWitness(): Promise<void> {
    const { map } = this.#nodes
    this.#dismiss()
    const taken = this.#judged().map(([, { place }]) => place)
    const free = map.members.filter((address) => {
      const place = { address, id: map.idAt(address) }
      return !taken.some((one) => isSameNode(one, place))
    })
    const address = free[Math.floor(Math.random() * free.length)]
    if (address === undefined) return
    const anew = this.#failed
    this.#failed = true
    const client = await this.#nodes.dialWitness(address, anew)
    if (!client) return
    if (this.#closed || this.#witness) {
      void discard(client)
      return
    }
    this.#witness = client
    await ready(client)
    const id = (await this.#nodes.identify(client)) ?? map.idAt(address)
    this.add(client, { address, id }, { judged: true, canBeAsked: true })
    this.#failed = false
  }

  #dismiss(): void {
    const witness = this.#witness
    this.#witness = undefined
    if (witness) void discard(witness)
  }
}

function ready(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.on('error', () => undefined)
    client.on('ready', resolve)
    client.on('close', () => reject(new Error('closed')))
  })
}
