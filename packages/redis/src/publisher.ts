import { performance } from 'node:perf_hooks'
import { AuthError, ClosedError, ConnectionError, UncertainError } from 'server-events'
import type { EventKey, Message, Receiver, ServerEventsError } from 'server-events'
import type { Dialect } from './dialect'
import { quoted, refusal, replyCode } from './errors'
import { framesOf } from './frames'
import type { Frame } from './frames'
import { Link } from './link'
import type { Connection, Side } from './link'
import type { Settings } from './options'
import { Outbox } from './outbox'
import type { Emit } from './outbox'
import type { Dial } from './source'

// Taken at load: fake timers replace it later.
const nextTick = process.nextTick.bind(process)

interface Connecting {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** The publishing side: what is emitted stays here until the server has answered, or its time is up. */
export class Publisher implements Side {
  private readonly link: Link
  private readonly outbox: Outbox
  private connection: Connection | undefined
  /** Emitted in this tick, while there is a connection. */
  private fresh: Emit[] = []
  private connecting: Connecting[] = []
  private heardAt = 0
  private closed = false
  private readonly flush = (): void => {
    const emits = this.fresh
    if (emits.length === 0) return
    this.fresh = []
    this.write(emits.filter((emit) => this.outbox.has(emit)))
  }
  /** Behind the promise reactions of this tick, so that all their emits leave together. */
  private readonly flushAtEndOfTick = (): void => nextTick(this.flush)

  constructor(
    dial: Dial,
    private readonly settings: Settings,
    private readonly dialect: Dialect,
    private readonly receiver: Receiver,
  ) {
    this.link = new Link('publish', dial, settings.connectTimeout, this)
    this.outbox = new Outbox(settings.publishTimeout, (emits) => this.expired(emits))
  }

  connect(): Promise<void> {
    if (this.closed) return Promise.reject(closedError())
    if (this.connection) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.connecting.push({ resolve, reject })
      this.link.open()
    })
  }

  publish(key: EventKey, message: Message): Promise<void> {
    if (this.closed) return Promise.reject(closedError())
    if (!this.connection && this.outbox.size >= this.settings.maxQueued) return Promise.reject(this.full())
    return new Promise((resolve, reject) => {
      const emit = this.outbox.add(key, this.dialect.encode(key, message), resolve, reject)
      if (!this.connection) {
        this.link.open()
        return
      }
      this.fresh.push(emit)
      if (this.fresh.length === 1) void Promise.resolve().then(this.flushAtEndOfTick)
    })
  }

  async close(): Promise<void> {
    this.closed = true
    this.connection = undefined
    this.fresh = []
    for (const { reject } of this.takeConnecting()) reject(closedError())
    for (const emit of this.outbox.takeAll())
      emit.reject(emit.writtenOn ? uncertain(emit.key, 'before this transport was closed') : closedError())
    await this.link.close()
  }

  needed(): boolean {
    return this.connecting.length > 0 || this.outbox.size > 0
  }

  up(connection: Connection): void {
    this.connection = connection
    this.heardAt = performance.now()
    // Before anyone is told: what is emitted then comes after what is waiting.
    this.write(this.outbox.all())
    this.receiver.state('inputStore', true)
    for (const { resolve } of this.takeConnecting()) resolve()
  }

  down(cause: ServerEventsError): void {
    this.connection = undefined
    this.fresh = []
    this.receiver.state('inputStore', false, cause)
  }

  failed(error: ServerEventsError): void {
    this.receiver.error('inputStore', error)
  }

  refused({ message }: AuthError): void {
    for (const { reject } of this.takeConnecting()) reject(new AuthError(message))
    for (const emit of this.outbox.takeAll()) emit.reject(new AuthError(message))
  }

  private write(emits: readonly Emit[]): void {
    const { connection } = this
    if (!connection) return
    const frames = framesOf(emits, this.settings.batch)
    // One system call for all; for a lone frame it would only cost.
    const stream = frames.length > 1 ? connection.client.stream : undefined
    stream?.cork()
    for (const frame of frames) this.send(connection, frame)
    stream?.uncork()
  }

  private send(connection: Connection, frame: Frame): void {
    const now = performance.now()
    for (const emit of frame.emits) {
      emit.writtenOn = connection
      emit.writtenAt = now
    }
    connection.client.publish(frame.channel, frame.payload).then(
      () => {
        if (this.connection !== connection) return
        this.heardAt = performance.now()
        for (const emit of frame.emits) if (this.outbox.take(emit)) emit.resolve()
      },
      (error: unknown) => {
        if (this.connection !== connection) return
        const code = replyCode(error)
        // Not an answer: the connection is ending, and what it owes will be sent again.
        if (code === undefined) return
        this.heardAt = performance.now()
        this.refusedBy(connection, frame, code)
      },
    )
  }

  private refusedBy(connection: Connection, frame: Frame, code: string): void {
    const refuse = (): ServerEventsError => refusal(code, 'PUBLISH', frame.channel, connection.place)
    for (const emit of frame.emits) if (this.outbox.take(emit)) emit.reject(refuse())
    const error = refuse()
    if (error instanceof AuthError) this.link.drop(connection, error)
  }

  private expired(emits: readonly Emit[]): void {
    const { publishTimeout } = this.settings
    const silent = emits.some((emit) => this.isSilence(emit))
    for (const emit of emits) {
      emit.reject(
        emit.writtenOn
          ? uncertain(emit.key, `within ${publishTimeout} ms`)
          : new ConnectionError(
              `event ${quoted(emit.key.name)} with id ${quoted(emit.key.id)} was not sent: ` +
                `no connection to redis at ${this.link.place} within ${publishTimeout} ms`,
            ),
      )
    }
    if (silent && this.connection)
      this.link.drop(
        this.connection,
        new ConnectionError(
          `redis at ${this.connection.place} did not answer PUBLISH within ${publishTimeout} ms: the connection is replaced`,
        ),
      )
  }

  /**
   * Whether this deadline speaks against the connection. One that was just made must not pay for
   * what its predecessor did not answer: without this, one frozen peer makes many interruptions.
   */
  private isSilence(emit: Emit): boolean {
    return (
      this.connection !== undefined &&
      emit.writtenOn === this.connection &&
      performance.now() - emit.writtenAt >= this.settings.publishTimeout / 2 &&
      this.heardAt <= emit.writtenAt
    )
  }

  private full(): ConnectionError {
    return new ConnectionError(
      `no connection to redis at ${this.link.place}, and ${this.settings.maxQueued} emits (maxQueued) are held already`,
    )
  }

  private takeConnecting(): Connecting[] {
    const all = this.connecting
    this.connecting = []
    return all
  }
}

function closedError(): ClosedError {
  return new ClosedError('this RedisTransport is closed')
}

function uncertain({ name, id }: EventKey, when: string): UncertainError {
  return new UncertainError(
    `event ${quoted(name)} with id ${quoted(id)} was not acknowledged ${when}: it may have been delivered, or may be yet`,
  )
}
