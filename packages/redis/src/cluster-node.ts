import { performance } from 'node:perf_hooks'
import { ConnectionError } from 'server-events'
import type { AuthError, ServerEventsError } from 'server-events'
import type { Client } from './client'
import type { Address } from './cluster-map'
import { replyCode } from './errors'
import { Link } from './link'
import type { Connection, Side } from './link'
import type { Settings } from './options'
import type { Dialer } from './source'
import type { Wanted } from './store'
import { nextTick } from './tick'
import { Timer } from './timer'

/** A command on one key, until it is answered or nobody wants it any more. */
export interface Request {
  readonly slot: number
  readonly run: (client: Client) => Promise<unknown>
  readonly wanted: Wanted
  /** Whether it is worth waiting for a master that is away: for writes; who reads asks again himself. */
  readonly patient: boolean
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** Where the slot is moving to, if the key may be there already. */
  asks: Address | undefined
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
}

/** The connection to one master of a Cluster, with what was written to it and is not answered. */
export class ClusterNode implements Side {
  connection: Connection | undefined
  /** Whether the last attempt to connect failed, so that to wait for it would be to wait in vain. */
  failing = false
  private readonly link: Link
  private readonly unanswered = new Set<Request>()
  private heardAt = 0
  private corked = false
  private readonly silenceTimer = new Timer(() => this.listen())
  /** Sooner than what is written has to be answered, so that another node may still answer it in time. */
  private readonly patience: number

  constructor(
    readonly address: Address,
    dialer: Dialer,
    { connectTimeout, publishTimeout }: Settings,
    private readonly router: Router,
  ) {
    this.link = new Link('publish', dialer, connectTimeout, this)
    this.patience = Math.ceil(publishTimeout / 2)
  }

  open(): void {
    this.link.open()
  }

  get idle(): boolean {
    return this.unanswered.size === 0
  }

  async close(): Promise<void> {
    this.silenceTimer.clear()
    this.connection = undefined
    this.unanswered.clear()
    await this.link.close()
  }

  /** Only while there is a connection. */
  write(request: Request, connection: Connection): void {
    const { client } = connection
    this.cork(client)
    if (request.asks === this.address) {
      request.asks = undefined
      client.asking?.().catch(() => undefined)
    }
    request.writtenAt = performance.now()
    this.unanswered.add(request)
    if (!this.silenceTimer.armed) this.silenceTimer.arm(this.patience, false)
    request.run(client).then(
      (value) => {
        if (this.answered(request, connection)) request.resolve(value)
      },
      (error: unknown) => {
        // Not an answer: the connection is ending.
        if (replyCode(error) === undefined) return
        if (this.answered(request, connection)) this.router.refused(request, error, this)
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
    this.router.connected()
  }

  down(cause: ServerEventsError): void {
    this.leave(cause)
  }

  failed(error: ServerEventsError): void {
    this.leave(error)
  }

  refused(error: AuthError): void {
    this.leave(error)
  }

  private leave(error: ServerEventsError): void {
    this.connection = undefined
    this.failing = true
    this.silenceTimer.clear()
    const unanswered = [...this.unanswered]
    this.unanswered.clear()
    this.router.lost(unanswered, error)
  }

  private answered(request: Request, connection: Connection): boolean {
    if (this.connection !== connection || !this.unanswered.delete(request)) return false
    this.heardAt = performance.now()
    return true
  }

  /** One that does not answer is replaced, unless it answered something that was written later. */
  private listen(): void {
    const [oldest] = this.unanswered
    if (!oldest || !this.connection) return
    const since = Math.max(oldest.writtenAt, this.heardAt)
    const rest = since + this.patience - performance.now()
    if (rest > 1) {
      this.silenceTimer.arm(rest, false)
      return
    }
    const { address, patience } = this
    this.link.drop(
      this.connection,
      new ConnectionError(`redis at ${address} did not answer within ${patience} ms: the connection is replaced`),
    )
  }

  /** One system call for what is written in one tick. */
  private cork({ stream }: Client): void {
    if (this.corked || !stream) return
    this.corked = true
    stream.cork()
    nextTick(() => {
      this.corked = false
      stream.uncork()
    })
  }
}
