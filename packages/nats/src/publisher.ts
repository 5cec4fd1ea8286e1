import {
  AuthError,
  ClosedError,
  ConnectionError,
  InvalidArgumentError,
  NotKeptError,
  PayloadTooLargeError,
  ServerEventsError,
  UnsupportedError,
} from 'server-events'
import type { EventKey, Message, Receiver } from 'server-events'
import type { Bucket } from './bucket'
import { eventOf, failedAt, forbidden, uncertain } from './errors'
import type { Violation } from './errors'
import type { Connection, Link, Side } from './link'
import type { Settings } from './options'
import { Outbox } from './outbox'
import type { Emit } from './outbox'
import { subjectOf } from './subjects'
import { Timer } from './timer'
import { encode } from './wire'

// Taken at load: fake timers replace it later.
const nextTick = process.nextTick.bind(process)

interface Connecting {
  readonly resolve: (connection: Connection) => void
  readonly reject: (error: Error) => void
}

/** The publishing side: what is emitted stays here until the server has answered, or its time is up. */
export class Publisher implements Side {
  private readonly outbox: Outbox
  private connection: Connection | undefined
  /** To be written at the end of this tick. */
  private fresh: Emit[] = []
  /** Name -> its emits from the first one on that is being stored: none of them overtakes it. */
  private readonly lanes = new Map<string, Emit[]>()
  private readonly connecting = new Set<Connecting>()
  /** Whether anybody needs this side: it is told of from then on. */
  private used = false
  private isUp = false
  private closed = false
  private readonly flush = (): void => {
    const emits = this.fresh
    this.fresh = []
    const { connection } = this
    if (connection) void this.write(connection, emits)
  }
  /** Behind the promise reactions of this tick, so that all their emits leave together. */
  private readonly flushAtEndOfTick = (): void => nextTick(this.flush)

  constructor(
    private readonly link: Link,
    private readonly settings: Settings,
    private readonly bucket: Bucket | undefined,
    private readonly receiver: Receiver,
  ) {
    this.outbox = new Outbox(settings.publishTimeout, (emits) => this.expired(emits))
    link.join(this)
  }

  async connect(): Promise<void> {
    const connection = await this.standing()
    await this.bucket?.probe(connection)
  }

  /** Resolves with the connection as soon as there is one; after so many ms it rejects. */
  standing(ms?: number): Promise<Connection> {
    if (this.closed) return Promise.reject(closedError())
    const standing = new Promise<Connection>((resolve, reject) => {
      if (this.connection) {
        resolve(this.connection)
        return
      }
      const timer = new Timer(() => waiting.reject(failedAt(this.link.place, `within ${ms ?? 0} ms`)))
      const waiting: Connecting = {
        resolve: (connection) => {
          timer.clear()
          resolve(connection)
        },
        reject: (error) => {
          timer.clear()
          this.connecting.delete(waiting)
          reject(error)
        },
      }
      this.connecting.add(waiting)
      if (ms !== undefined) timer.arm(ms, true)
    })
    this.use()
    return standing
  }

  /** `keepMs` of 0 is: do not keep. */
  publish(key: EventKey, message: Message, keepMs = 0): Promise<void> {
    if (this.closed) return Promise.reject(closedError())
    if (!this.connection && this.outbox.size >= this.settings.maxQueued) return Promise.reject(this.full())
    return new Promise((resolve, reject) => {
      const subject = subjectOf(this.settings.prefix, key)
      const emit = this.outbox.add({ key, subject, wire: encode(message), keepMs, resolve, reject })
      if (this.connection) this.dispatch(emit, this.connection)
      this.use()
    })
  }

  close(): void {
    this.closed = true
    this.connection = undefined
    this.fresh = []
    this.lanes.clear()
    for (const { reject } of this.takeConnecting()) reject(closedError())
    for (const emit of this.outbox.takeAll())
      emit.reject(isWritten(emit) ? uncertain(emit.key, 'before this transport was closed') : closedError())
  }

  up(connection: Connection): void {
    this.connection = connection
    if (!this.used) return
    // Before anyone is told: what is emitted then comes after what is waiting.
    for (const emit of this.outbox.all()) this.dispatch(emit, connection)
    this.tellUp()
    for (const { resolve } of this.takeConnecting()) resolve(connection)
  }

  down(cause: ServerEventsError): void {
    this.connection = undefined
    this.fresh = []
    this.lanes.clear()
    if (!this.isUp) return
    this.isUp = false
    this.receiver.state('inputStore', false, cause)
  }

  failed(error: ServerEventsError): void {
    if (this.used) this.receiver.error('inputStore', error)
  }

  refused({ message }: AuthError): void {
    for (const { reject } of this.takeConnecting()) reject(new AuthError(message))
    for (const emit of this.outbox.takeAll()) emit.reject(new AuthError(message))
  }

  violated(violation: Violation): void {
    const { connection } = this
    if (!connection || violation.operation !== 'publish') return
    for (const emit of this.outbox.all()) {
      if (emit.writtenOn !== connection || emit.subject !== violation.subject) continue
      if (this.outbox.take(emit)) emit.reject(forbidden(violation, connection.place))
    }
  }

  private use(): void {
    this.used = true
    this.link.open()
    if (this.connection) this.tellUp()
  }

  private tellUp(): void {
    if (this.isUp) return
    this.isUp = true
    this.receiver.state('inputStore', true)
  }

  /** On its way: behind what its name is storing, else at the end of this tick. */
  private dispatch(emit: Emit, connection: Connection): void {
    const toStore = emit.store === 'wanted' || emit.store === 'asked'
    const lane = this.lanes.get(emit.key.name)
    if (lane) lane.push(emit)
    else if (toStore) this.lanes.set(emit.key.name, [emit])
    else this.send(emit)
    if (toStore) void this.store(emit, connection)
  }

  private async store(emit: Emit, connection: Connection): Promise<void> {
    const { bucket } = this
    if (!bucket) return
    emit.store = 'asked'
    let failure: Error | undefined
    try {
      await bucket.put(connection, emit)
    } catch (error) {
      failure = error as Error
    }
    // The next connection stores it again.
    if (this.connection !== connection) return
    emit.store = failure ? 'failed' : 'done'
    emit.storeError = failure
    // What can never be kept as asked is not published either: who asked for it has to change something.
    if (failure && isRefusal(failure) && this.outbox.take(emit)) emit.reject(failure)
    this.advance(emit.key.name)
  }

  private advance(name: string): void {
    const lane = this.lanes.get(name)
    while (lane?.[0] && lane[0].store !== 'asked') this.send(lane.shift() as Emit)
    if (lane?.length === 0) this.lanes.delete(name)
  }

  private send(emit: Emit): void {
    this.fresh.push(emit)
    if (this.fresh.length === 1) void Promise.resolve().then(this.flushAtEndOfTick)
  }

  private async write(connection: Connection, emits: readonly Emit[]): Promise<void> {
    const written: Emit[] = []
    for (const emit of emits) if (this.outbox.has(emit) && this.writeOne(connection, emit)) written.push(emit)
    if (written.length === 0 || !(await this.link.roundTrip(connection))) return
    for (const emit of written) if (this.outbox.take(emit)) settle(emit)
  }

  private writeOne(connection: Connection, emit: Emit): boolean {
    const { client, place } = connection
    const { data, headers } = emit.wire
    try {
      client.publish(emit.subject, data, { headers })
    } catch (error) {
      // What is not about the message is about the connection, and the next one takes it.
      if (!(error as Error).message.includes('max_payload') || !this.outbox.take(emit)) return false
      const limit = client.info ? `: ${client.info.max_payload} bytes (max_payload), headers included` : ''
      emit.reject(new PayloadTooLargeError(`${eventOf(emit.key)} is over the limit of nats at ${place}${limit}`))
      return false
    }
    emit.writtenOn = connection
    return true
  }

  private expired(emits: readonly Emit[]): void {
    const { publishTimeout } = this.settings
    for (const emit of emits) {
      emit.reject(
        isWritten(emit)
          ? uncertain(emit.key, `within ${publishTimeout} ms`)
          : new ConnectionError(
              `${eventOf(emit.key)} was not sent: no connection to nats at ${this.link.place} within ${publishTimeout} ms`,
            ),
      )
    }
  }

  private full(): ConnectionError {
    return failedAt(this.link.place, `and ${this.settings.maxQueued} emits (maxQueued) are held already`)
  }

  private takeConnecting(): Connecting[] {
    const all = [...this.connecting]
    this.connecting.clear()
    return all
  }
}

/** An emit that may have had an effect. */
function isWritten({ writtenOn, store }: Emit): boolean {
  return writtenOn !== undefined || store === 'asked' || store === 'done'
}

function settle({ key, storeError, resolve, reject }: Emit): void {
  if (!storeError) {
    resolve()
    return
  }
  const cause = storeError instanceof ServerEventsError ? { cause: storeError } : {}
  reject(new NotKeptError(`${eventOf(key)} was published but not kept: ${storeError.message}`, cause))
}

function isRefusal(error: Error): boolean {
  return error instanceof UnsupportedError || error instanceof InvalidArgumentError
}

function closedError(): ClosedError {
  return new ClosedError('this NatsTransport is closed')
}
