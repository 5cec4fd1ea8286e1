import { ConnectionError } from 'server-events'
import { discard } from '../client/client'
import type { Client, RedisRole } from '../client/client'
import { create, forced } from '../client/options'
import { readLiving, readSlots } from './announced'
import { addressOf, endpointOf, Topology } from './topology'
import type { Address } from './topology'
import { tlsFor } from './recipe'
import type { ClusterRecipe } from './recipe'
import { Round } from './round'
import { ClusterWatch } from './watch'
import type { Nodes } from './watch'
import { isPassing, replyCode } from '../errors'
import type { Settings } from '../options'
import type { Dialer } from '../client/dialer'
import { Timer } from 'server-events/transport-kit'

/** What a function gave: how to reach a Cluster or, if it is none, the client itself. */
export type Given = ClusterRecipe | Client

/**
 * Clients of the nodes of a Cluster. None is ioredis' own Cluster: that publishes through a node
 * at random, hides its subscriber, and writes again whatever is not answered.
 */
export class ClusterClients implements Nodes {
  readonly #settings: Settings
  readonly #give: (role: RedisRole) => Given | Promise<Given>
  /** What was given last: good enough for a connection that nobody waits for. */
  #lastGiven: ClusterRecipe | undefined
  /** A call of the user's function for such a connection: one that never settles is not called again. */
  #giving: Promise<void> | undefined
  readonly map = new Topology()
  /** For connections to some node: any of them publishes to all, and hears all. */
  readonly dialer: Dialer = {
    dial: (role) => this.#dial(role),
    vet: (client, place) => this.#vet(client, place),
  }
  /** The clients of nodes, and where and what for they are. */
  readonly #places = new WeakMap<Client, { readonly address: Address; readonly role: RedisRole }>()
  readonly #rounds = { publish: new Round(this.map), subscribe: new Round(this.map) }
  readonly #watch: ClusterWatch

  constructor(settings: Settings, give: (role: RedisRole) => Given | Promise<Given>) {
    this.#settings = settings
    this.#give = give
    this.#watch = new ClusterWatch(this, 3 * settings.heartbeat, settings.connectTimeout)
  }

  close(): void {
    this.#watch.close()
  }

  async #dial(role: RedisRole): Promise<Client> {
    const given = await this.#give(role)
    if (!('seeds' in given)) return given
    this.#lastGiven = given
    this.map.plant(given.seeds, given.natMap)
    const round = this.#rounds[role]
    const address = round.next()
    const client = this.#connect(address, given)
    // A frozen node, or an address that nobody has any more, must not take all the time there is to connect.
    if (!round.isOver) giveUpAfter(quickly(this.#settings.connectTimeout), client)
    this.#places.set(client, { address, role })
    return client
  }

  /** One that left the Cluster hears nothing of it, and nobody hears what it publishes. */
  async #vet(client: Client, place: string): Promise<void> {
    const dialled = this.#places.get(client)
    if (!dialled) return
    const { address, role } = dialled
    const [isMember, said] = await Promise.all([
      this.ask(client).catch((error: unknown) => {
        const code = replyCode(error)
        if (code === undefined) throw error
        if (isPassing(code)) throw new ConnectionError(`redis at ${place} does not say yet where slots are (${code})`)
        // Not allowed to ask: who needs to know where keys are asks again, and tells.
        return code === 'NOPERM'
      }),
      this.identify(client),
    ])
    if (!isMember) throw new ConnectionError(`redis at ${place} is not a node of a Cluster that has slots`)
    // Who may not ask for it knows at least whom that address was told of for; not of a seed's.
    const id = said ?? this.map.idAt(address)
    this.#rounds[role].stood(address, this.map.addressOf(id))
    const node = { address, id }
    const tellsOfItself = !this.map.isMember(node) && (await this.#tellsOfItself(client, id))
    this.#watch.add(client, node, { judged: true, canBeAsked: role === 'publish', tellsOfItself })
  }

  /** Other than a proxy with an id of its own. */
  async #tellsOfItself(client: Client, id: string | undefined): Promise<boolean> {
    const told = await this.survey(client).catch(() => undefined)
    return id !== undefined && told?.living?.has(id) === true
  }

  /** A client of this node, for keys. */
  async dialNode(address: Address): Promise<Client> {
    const given = await this.#give('publish')
    if (!('seeds' in given)) return given
    this.#lastGiven = given
    const client = this.#connect(address, given)
    client.on('ready', () => {
      const place = { address, id: this.map.idAt(address) }
      this.#watch.add(client, place, { judged: false, canBeAsked: true })
    })
    return client
  }

  /** A client that nobody waits for: made like the last one, so that the user's function is not called for it. */
  async dialWitness(address: Address, anew: boolean): Promise<Client | undefined> {
    if (anew) await (this.#giving ??= this.#giveAgain())
    return this.#lastGiven && this.#connect(address, this.#lastGiven)
  }

  async #giveAgain(): Promise<void> {
    try {
      const given = await this.#give('publish')
      if ('seeds' in given) this.#lastGiven = given
      else void discard(given)
    } finally {
      this.#giving = undefined
    }
  }

  /** Whether it is a client of a node. */
  made(client: Client): boolean {
    return this.#places.has(client)
  }

  /** Asks where slots are. False if the node knows of none: then it is no member of a Cluster. */
  async ask(client: Client): Promise<boolean> {
    const { host, port } = client.options ?? {}
    return this.map.learn(readSlots(await client.cluster?.('SLOTS')), addressOf(String(host), Number(port)))
  }

  /** As `ask`, and which nodes live. `undefined` if the node knows of no slots, or is cut off from the others. */
  async survey(client: Client): Promise<{ living: ReadonlySet<string> | undefined } | undefined> {
    // Not everybody may ask for it, and it is not needed for the rest.
    const nodes = Promise.resolve(client.cluster?.('NODES')).catch(() => undefined)
    const isMember = await this.ask(client)
    const living = readLiving(await nodes)
    return isMember && living !== 'isolated' ? { living } : undefined
  }

  /** The id of a node; `undefined` if it does not say, or may not be asked. */
  async identify(client: Client): Promise<string | undefined> {
    try {
      const id = await client.cluster?.('MYID')
      return typeof id === 'string' && id !== '' ? id : undefined
    } catch {
      return undefined
    }
  }

  #connect(address: Address, recipe: ClusterRecipe): Client {
    const { options: theirs } = recipe
    // Databases other than 0 do not exist in a Cluster, and replicas are not read from.
    const must = { ...endpointOf(address), path: undefined, db: 0, readOnly: false, tls: tlsFor(address, recipe) }
    return create({ ...theirs, ...forced(this.#settings, theirs), ...must })
  }
}

/** How long a node has to get ready while there are others to try, in ms. */
function quickly(connectTimeout: number): number {
  return Math.min(connectTimeout, Math.max(1_000, Math.ceil(connectTimeout / 4)))
}

function giveUpAfter(ms: number, client: Client): void {
  const timer = new Timer(() => {
    const error = Object.assign(new Error('not ready in time'), { code: 'ETIMEDOUT' })
    if (client.stream) client.stream.destroy(error)
    else client.disconnect()
  })
  timer.arm(ms, false)
  const settled = (): void => timer.clear()
  client.on('ready', settled)
  client.on('close', settled)
  client.on('end', settled)
}
