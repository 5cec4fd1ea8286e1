import { InvalidArgumentError, UnsupportedError } from 'server-events'
import type { ServerEventsError } from 'server-events'
import { failedAt, Life, ours, Reconnector } from 'server-events/transport-kit'
import type { Dialer as KitDialer, Side } from 'server-events/transport-kit'
import { authRefusal, reason, unselected } from '../errors'
import { discard, isReady } from './client'
import type { Client, RedisRole } from './client'
import type { Connection } from './connection'
import type { Dialer } from './dialer'
import { joinTexts } from './join-texts'
import { placeOf } from './options'
import type { RoleWatch } from './role-watch'

export type { Connection } from './connection'

/** What a link serves. */
export type LinkHost = Side<Connection>

/** As ioredis 6 has it; in 5, and in the kernel, it is two hours. */
const KEEP_ALIVE = 30_000

/** Keeps one connection for one side. Every connection is a new client of ioredis, which repairs nothing by itself. */
export class Link extends Reconnector<Connection> {
  /**
   * `roles` refuses replicas; without it this is the link to one node of a Cluster, where replicas will do, and of which
   * another node has accepted the credentials.
   */
  constructor(role: RedisRole, dialer: Dialer, connectTimeout: number, side: LinkHost, roles?: RoleWatch) {
    super(new ClientDialer(role, dialer, roles), connectTimeout, [side], roles === undefined)
  }
}

class ClientDialer implements KitDialer<Connection> {
  readonly #role: RedisRole
  readonly #dialer: Dialer
  readonly #roles: RoleWatch | undefined
  #place = 'an unknown address'

  constructor(role: RedisRole, dialer: Dialer, roles: RoleWatch | undefined) {
    this.#role = role
    this.#dialer = dialer
    this.#roles = roles
  }

  get at(): string {
    return `redis at ${this.#place}`
  }

  async dial(ended: (cause?: unknown) => void, signal: AbortSignal): Promise<Connection> {
    const client = await this.#make()
    // It stays for ever: a client that was thrown away still emits, and without a listener prints.
    client.on('error', () => undefined)
    const place = placeOf(client)
    const connection: Connection = { client, place, life: new Life(() => client.stream?.bytesRead ?? 0) }
    try {
      if (!signal.aborted) this.#place = place
      await this.#stands(connection, ended, signal)
      return connection
    } catch (error) {
      await discard(client)
      throw error
    }
  }

  discard({ client }: Connection): Promise<unknown> {
    return discard(client)
  }

  heard({ life }: Connection): number {
    return life.count
  }

  async #make(): Promise<Client> {
    try {
      return await this.#dialer.dial(this.#role)
    } catch (error) {
      throw failedAt(this.at, refusalToDial(error))
    }
  }

  /** Resolves when commands may be written; rejects at its end, which is told of also after that. */
  #stands(connection: Connection, ended: (cause?: unknown) => void, signal: AbortSignal): Promise<void> {
    const { client, place } = connection
    return new Promise((resolve, reject) => {
      let trouble: ServerEventsError | undefined
      let answers = false
      const end = (cause?: ServerEventsError): void => {
        reject(cause ?? failedAt(this.at, 'closed by the server'))
        ended(cause)
      }
      const lost = (): void => end(trouble)
      const greet = (): void => {
        if (answers) return
        answers = true
        trouble = undefined
        this.#greet(connection).then(resolve, (error: unknown) => {
          end(ours(error) ?? failedAt(this.at, reason(error)))
        })
      }
      client.on('error', (error: unknown) => {
        const refused: ServerEventsError | undefined = unselected(error, place) ?? authRefusal(error, place)
        if (refused) end(refused)
        else trouble ??= failedAt(this.at, reason(error))
      })
      client.on('close', lost)
      client.on('end', lost)
      client.on('ready', greet)
      signal.addEventListener('abort', lost, { once: true })
      if (signal.aborted || client.status === 'end') lost()
      else if (isReady(client)) greet()
      else if (client.status === 'wait' || client.status === undefined) client.connect?.().catch(() => undefined)
    })
  }

  /** What is asked of a client that has connected, before it is used. */
  async #greet({ client, place }: Connection): Promise<void> {
    const { enableReadyCheck, keepAlive } = client.options ?? {}
    // Of the socket, because that of a function's client is made already.
    client.stream?.setKeepAlive?.(true, Number(keepAlive) || KEEP_ALIVE)
    if (client.stream) joinTexts(client.stream)
    // Without it ioredis calls a connection ready that has not even logged in.
    if (enableReadyCheck === false) await probe(client, place)
    await this.#dialer.vet?.(client, place)
    if (!this.#dialer.isNode?.(client)) await this.#roles?.vet(client, place, this.#role)
  }
}

/** Any answer will do, also that PING is forbidden; only credentials matter. */
async function probe(client: Client, place: string): Promise<void> {
  try {
    await client.ping()
  } catch (error) {
    const refused = authRefusal(error, place)
    if (refused) throw refused
  }
}

/** Only what this package refuses says why in its own words; a RemoteError, say, has those of a stranger. */
function refusalToDial(error: unknown): string {
  return error instanceof InvalidArgumentError || error instanceof UnsupportedError
    ? error.message
    : `no client: ${reason(error)}`
}
