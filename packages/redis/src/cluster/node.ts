import { performance } from 'node:perf_hooks'
import { ConnectionError, UncertainError } from 'server-events'
import type { AuthError, ServerEventsError } from 'server-events'
import { atEndOfTick, Heartbeat, Timer } from 'server-events/transport-kit'
import type { Client } from '../client/client'
import type { Address } from './topology'
import { replyCode } from '../errors'
import { Quarantine } from './quarantine'
import type { Suspectable } from './quarantine'
import { Link } from '../client/link'
import type { Connection, LinkHost } from '../client/link'
import type { Settings } from '../options'
import type { Dialer } from '../client/dialer'
import type { Trial, Wanted } from '../outcomes/store'

/** A command on one key, until it is answered or nobody wants it any more. */
export interface Request extends Suspectable {
  readonly slot: number
  readonly run: (client: Client) => Promise<unknown>
  readonly wanted: Wanted
  /** Of a write: what is told of its tries. It is worth waiting for a master that is away; who reads asks again himself. */
  readonly trial: Trial | undefined
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** Where the slot is moving to, if the key may be there already. */
  asks: Address | undefined
  /** How often it was sent elsewhere. */
  redirections: number
  writtenAt: number
}

/** Who sends requests to nodes. */
export interface Router {
  /** The node can be written to. */
  connected(): void
  /** The server answered with an error. */
  refused(request: Request, error: unknown, node: ClusterNode): void
  /** The connection was lost, or could not be made; with it the answers to these. */
  lost(unanswered: readonly Request[], error: ServerEventsError): void
  /** It takes long to connect again: who cannot wait has to be told. */
  gone(node: ClusterNode): void
}

/** The connection to one master of a Cluster, with what was written to it and is not answered. */
export class ClusterNode implements LinkHost {
  readonly address: Address
  readonly #router: Router
  connection: Connection | undefined
  /** Whether the last attempt to connect failed, so that to wait for it would be to wait in vain. */
  failing = false
  readonly #link: Link
  readonly #unanswered = new Set<Request>()
  readonly #quarantine = new Quarantine<Request>((request) => this.#send(request))
  #heardAt = 0
  #corked = false
  /** What had been heard when it was last looked at. */
  #heard = 0
  readonly #silenceTimer = new Timer(() => this.#listen())
  /** Runs while a connection that was lost is made again. */
  readonly #graceTimer = new Timer(() => this.#fail())
  readonly #heartbeat: Heartbeat<Connection>
  /**
   * Sooner than what is written has to be answered: so that it may still be answered in time on
   * another connection, and then published on one that may turn out to be dead as well.
   */
  readonly #patience: number

  constructor(address: Address, dialer: Dialer, settings: Settings, router: Router) {
    const { connectTimeout, publishTimeout, heartbeat } = settings
    this.address = address
    this.#router = router
    this.#link = new Link('publish', dialer, connectTimeout, this)
    this.#patience = Math.ceil(publishTimeout / 4)
    // Also for what lies between, and forgets connections that idle.
    this.#heartbeat = new Heartbeat<Connection>(heartbeat, {
      ping: ({ client }) => client.ping(),
      dead: (_, interval) => this.#drop(`PING within ${interval} ms`),
    })
  }

  open(): void {
    this.#link.open()
  }

  get idle(): boolean {
    return this.#unanswered.size === 0 && this.#quarantine.isEmpty
  }

  /** Grows with what is heard, while an answer is owed. */
  get heard(): number {
    return this.#unanswered.size === 0 ? 0 : (this.connection?.life.count ?? 0)
  }

  async close(): Promise<void> {
    this.#stop()
    this.#unanswered.clear()
    await this.#link.close()
  }

  /** Only while there is a connection. */
  write(request: Request): void {
    this.#quarantine.add(request)
    this.#advance()
  }

  #advance(): void {
    this.#quarantine.advance(this.#unanswered.size === 0)
  }

  #send(request: Request): void {
    const { connection } = this
    if (!connection) return
    const { client } = connection
    this.#cork(client)
    if (request.asks === this.address) {
      request.asks = undefined
      client.asking?.().catch(() => undefined)
    }
    request.writtenAt = performance.now()
    request.trial?.written()
    this.#unanswered.add(request)
    if (!this.#silenceTimer.armed) this.#silenceTimer.arm(this.#patience, false)
    request.run(client).then(
      (value) => {
        if (this.#answered(request, connection)) request.resolve(value)
      },
      (error: unknown) => {
        const code = replyCode(error)
        // Not an answer: the connection is ending.
        if (code === undefined) return
        request.trial?.refused(code)
        if (this.#answered(request, connection)) this.#router.refused(request, error, this)
      },
    )
  }

  needed(): boolean {
    // Who waits for an answer holds the process.
    return false
  }

  up(connection: Connection): void {
    this.connection = connection
    this.failing = false
    this.#graceTimer.clear()
    this.#heard = connection.life.count
    this.#heartbeat.start(connection, connection.life)
    this.#router.connected()
  }

  /** What was asked of it may wait for the next connection, but not for long: a flow may be gone, or the node. */
  down(cause: ServerEventsError): void {
    this.#graceTimer.arm(this.#patience, false)
    this.#leave(cause)
  }

  failed(error: ServerEventsError): void {
    this.failing = true
    this.#graceTimer.clear()
    this.#leave(error)
  }

  refused(error: AuthError): void {
    this.failed(error)
  }

  #fail(): void {
    this.failing = true
    this.#router.gone(this)
  }

  #stop(): void {
    this.connection = undefined
    this.#silenceTimer.clear()
    this.#graceTimer.clear()
    this.#heartbeat.stop()
  }

  #leave(error: ServerEventsError): void {
    this.connection = undefined
    this.#silenceTimer.clear()
    this.#heartbeat.stop()
    const unanswered = [...this.#unanswered]
    this.#unanswered.clear()
    const { held, poisoned } = this.#quarantine.lost(unanswered)
    const what = `each connection to redis at ${this.address} was lost when it was sent`
    for (const { trial, reject } of poisoned) reject(trial ? new UncertainError(what) : new ConnectionError(what))
    this.#router.lost([...unanswered.filter((one) => !poisoned.includes(one)), ...held], error)
  }

  #answered(request: Request, connection: Connection): boolean {
    if (this.connection !== connection || !this.#unanswered.delete(request)) return false
    this.#heardAt = performance.now()
    connection.life.heard()
    this.#advance()
    return true
  }

  /** One that does not answer is replaced, unless it answered something that was written later, or is about to. */
  #listen(): void {
    const [oldest] = this.#unanswered
    if (!oldest || !this.connection) return
    const { count } = this.connection.life
    if (count !== this.#heard) this.#heardAt = performance.now()
    this.#heard = count
    const since = Math.max(oldest.writtenAt, this.#heardAt)
    const rest = since + this.#patience - performance.now()
    if (rest > 1) this.#silenceTimer.arm(rest, false)
    else this.#drop(`within ${this.#patience} ms`)
  }

  #drop(what: string): void {
    const { connection, address } = this
    if (!connection) return
    const message = `redis at ${address} did not answer ${what}: the connection is replaced`
    this.#link.drop(connection, new ConnectionError(message))
  }

  /** One system call for what is written in one tick. */
  #cork({ stream }: Client): void {
    if (this.#corked || !stream) return
    this.#corked = true
    stream.cork()
    atEndOfTick(() => {
      this.#corked = false
      stream.uncork()
    })
  }
}
