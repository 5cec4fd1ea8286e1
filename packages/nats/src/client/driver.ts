import type { ConnectionOptions } from '@nats-io/transport-node'
import type { Driver, Link, LinkEvents } from 'server-events/transport-kit'
import { authRefusal, failedAt, reason } from '../errors'
import type { Settings } from '../options'
import { dial } from './dial'
import type { Dialed } from './dial'
import { NatsLink } from './link'
import { placeOf, Servers } from './servers'
import type { Server } from './servers'

/** The client has no way not to ask for a PING; the kit does that. */
const NEVER = 2 ** 31 - 1

/** Makes connections of the NATS client, which repairs none of them. */
export class NatsDriver implements Driver {
  readonly routing = 'id'
  readonly homes = true
  readonly questions = true
  readonly broker = 'nats'
  readonly keeps: boolean
  readonly once = true
  readonly #settings: Settings
  readonly #options: ConnectionOptions
  readonly #servers: Servers
  #place: string

  constructor({ servers = [], ...options }: ConnectionOptions, settings: Settings) {
    this.keeps = settings.bucket !== false
    this.#settings = settings
    this.#servers = new Servers([servers].flat(), options.noRandomize !== true)
    this.#place = this.#servers.places
    this.#options = {
      // Else it makes an Error for each request, to have a stack.
      noAsyncTraces: true,
      ...options,
      reconnect: false,
      pingInterval: NEVER,
    }
  }

  get place(): string {
    return this.#place
  }

  async dial(events: LinkEvents, signal: AbortSignal): Promise<Link> {
    const server = this.#servers.next()
    this.#place = placeOf(server.address)
    const dialed = await this.#connect(server, signal)
    const { client } = dialed
    this.#place = client.getServer()
    this.#servers.learn(server, client.info?.connect_urls)
    const changed = (): void => this.#servers.learn(server, client.info?.connect_urls)
    return new NatsLink(dialed, this.#place, this.#settings, events, changed)
  }

  async #connect({ address, servername }: Server, signal: AbortSignal): Promise<Dialed> {
    const { tls } = this.#options
    const named = tls && servername !== undefined ? { tls: { servername, ...tls } } : {}
    try {
      return await dial({ ...this.#options, ...named, servers: [address] }, signal)
    } catch (error) {
      const refused = authRefusal(error, this.#place)
      if (refused) throw refused
      throw failedAt(this.#place, reason(error))
    }
  }
}
