import { performance } from 'node:perf_hooks'
import { AuthError, ConnectionError } from 'server-events'
import type { EventKey, Message, Receiver, ServerEventsError } from 'server-events'
import type { Dialect } from './dialect'
import { closedError, notKept, quoted, refusal, replyCode, uncertain } from './errors'
import { framesOf } from './frames'
import type { Frame } from './frames'
import { keptOf, keyOf } from './kept'
import type { Kept } from './kept'
import { Link } from './link'
import type { Connection, Side } from './link'
import { Lookups } from './lookups'
import type { Found } from './lookups'
import type { Settings } from './options'
import { Outbox } from './outbox'
import type { Emit, Order } from './outbox'
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
  private readonly lookups: Lookups
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
    this.lookups = new Lookups(
      settings.publishTimeout,
      () => this.heard(),
      (connection, writtenAt) => {
        if (this.isSilence(connection, writtenAt)) this.dropSilent(connection, 'GET')
      },
    )
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
    return this.send(key, () => ({ event: this.dialect.encode(key, message) }))
  }

  /** Stores it for so many ms, then publishes it. */
  keep(key: EventKey, message: Message, ms: number): Promise<void> {
    return this.send(key, () => ({
      event: this.dialect.encode(key, message),
      kept: keptOf(this.settings.prefix, key, message, ms),
    }))
  }

  /** Removes what is kept, in order with what is emitted of the name. */
  forget(key: EventKey): Promise<void> {
    return this.send(key, () => ({ removes: keyOf(this.settings.prefix, key) }))
  }

  /** Reads keys; without a connection, and none about to be, it answers Errors at once. Never rejects. */
  async lookup(keys: readonly string[]): Promise<Found[]> {
    if (this.closed) return keys.map(() => closedError())
    const found = this.lookups.get(keys)
    if (!this.connection) this.link.open()
    return found
  }

  private send(key: EventKey, order: () => Order): Promise<void> {
    if (this.closed) return Promise.reject(closedError())
    if (!this.connection && this.outbox.size >= this.settings.maxQueued) return Promise.reject(this.full())
    return new Promise((resolve, reject) => {
      const emit = this.outbox.add(key, order(), resolve, reject)
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
    this.lookups.idle()
    for (const { reject } of this.takeConnecting()) reject(closedError())
    for (const emit of this.outbox.takeAll())
      emit.reject(emit.writtenOn ? uncertain(emit.key, 'before this transport was closed') : closedError())
    await this.link.close()
  }

  needed(): boolean {
    return this.connecting.length > 0 || this.outbox.size > 0 || this.lookups.size > 0
  }

  up(connection: Connection): void {
    this.connection = connection
    this.heardAt = performance.now()
    // Before anyone is told: what is emitted then comes after what is waiting.
    this.write(this.outbox.all())
    this.lookups.up(connection)
    this.receiver.state('inputStore', true)
    for (const { resolve } of this.takeConnecting()) resolve()
  }

  down(cause: ServerEventsError): void {
    this.connection = undefined
    this.fresh = []
    this.lookups.down()
    this.receiver.state('inputStore', false, cause)
  }

  failed(error: ServerEventsError): void {
    this.lookups.down()
    this.receiver.error('inputStore', error)
  }

  refused({ message }: AuthError): void {
    this.lookups.idle()
    for (const { reject } of this.takeConnecting()) reject(new AuthError(message))
    for (const emit of this.outbox.takeAll()) emit.reject(new AuthError(message))
  }

  private write(emits: readonly Emit[]): void {
    const { connection } = this
    if (!connection) return
    const frames = framesOf(emits, this.settings.batch)
    // One system call for all; for a lone frame it would only cost.
    const lone = frames.length === 1 && frames[0]?.emits.length === 1 && frames[0].emits[0]?.kept === undefined
    const stream = lone ? undefined : connection.client.stream
    stream?.cork()
    for (const frame of frames) this.transmit(connection, frame)
    stream?.uncork()
  }

  private transmit(connection: Connection, frame: Frame): void {
    const now = performance.now()
    for (const emit of frame.emits) {
      emit.writtenOn = connection
      emit.writtenAt = now
      if (emit.kept) this.store(connection, emit, emit.kept)
    }
    const { client } = connection
    const { channel, payload } = frame
    const answer = payload === undefined ? client.del(channel) : client.publish(channel, payload)
    answer.then(
      () => {
        if (this.connection !== connection) return
        this.heard()
        this.accepted(connection, frame)
      },
      (error: unknown) => {
        if (this.connection !== connection) return
        const code = replyCode(error)
        // Not an answer: the connection is ending, and what it owes will be sent again.
        if (code === undefined) return
        this.heard()
        this.refusedBy(connection, frame, code)
      },
    )
  }

  /** Written before its PUBLISH, and answered before it. */
  private store(connection: Connection, emit: Emit, { key, value, ms }: Kept): void {
    emit.notStored = undefined
    connection.client.set(key, value, 'PX', ms).catch((error: unknown) => {
      if (this.connection === connection) emit.notStored = replyCode(error)
    })
  }

  private accepted(connection: Connection, { emits }: Frame): void {
    for (const emit of emits) {
      if (!this.outbox.take(emit)) continue
      if (emit.notStored === undefined) emit.resolve()
      else emit.reject(notKept(emit.key, connection.place, emit.notStored))
    }
    if (emits.some(({ notStored }) => notStored === 'READONLY')) this.leaveReplica(connection)
  }

  private refusedBy(connection: Connection, { channel, payload, emits }: Frame, code: string): void {
    const command = payload === undefined ? 'DEL' : 'PUBLISH'
    const refuse = (): ServerEventsError => refusal(code, command, channel, connection.place)
    for (const emit of emits) if (this.outbox.take(emit)) emit.reject(refuse())
    const error = refuse()
    if (error instanceof AuthError) this.link.drop(connection, error)
    else if (code === 'READONLY') this.leaveReplica(connection)
  }

  /** What is published on a replica reaches its own subscribers only. */
  private leaveReplica(connection: Connection): void {
    this.link.drop(
      connection,
      new ConnectionError(`redis at ${connection.place} is a read-only replica: the connection is replaced`),
    )
  }

  private expired(emits: readonly Emit[]): void {
    const { publishTimeout } = this.settings
    const silent = emits.some(({ writtenOn, writtenAt }) => writtenOn && this.isSilence(writtenOn, writtenAt))
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
    if (silent && this.connection) this.dropSilent(this.connection, 'PUBLISH')
  }

  private heard(): void {
    this.heardAt = performance.now()
  }

  private dropSilent(connection: Connection, command: string): void {
    this.link.drop(
      connection,
      new ConnectionError(
        `redis at ${connection.place} did not answer ${command} within ${this.settings.publishTimeout} ms: ` +
          'the connection is replaced',
      ),
    )
  }

  /**
   * Whether this deadline speaks against the connection. One that was just made must not pay for
   * what its predecessor did not answer: without this, one frozen peer makes many interruptions.
   */
  private isSilence(connection: Connection, writtenAt: number): boolean {
    return (
      this.connection === connection &&
      performance.now() - writtenAt >= this.settings.publishTimeout / 2 &&
      this.heardAt <= writtenAt
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
