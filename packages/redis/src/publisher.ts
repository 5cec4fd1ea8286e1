import { AuthError, ConnectionError } from 'server-events'
import type { EventKey, Message, Receiver, ServerEventsError } from 'server-events'
import type { Dialect } from './dialect'
import { closedError, quoted, uncertain } from './errors'
import { keptOf, keyOf } from './kept'
import { Link } from './link'
import type { Connection, Side } from './link'
import { Lookups } from './lookups'
import type { Found } from './lookups'
import type { Settings } from './options'
import { Outbox } from './outbox'
import type { Emit, Order } from './outbox'
import type { Dialer } from './source'
import type { Store } from './store'
import { Transmission } from './transmission'

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
  /** While there is a connection. */
  private transmission: Transmission | undefined
  /** Emitted in this tick, while there is a connection. */
  private fresh: Emit[] = []
  private connecting: Connecting[] = []
  private closed = false
  private readonly flush = (): void => {
    const emits = this.fresh
    if (emits.length === 0) return
    this.fresh = []
    this.transmission?.write(emits.filter((emit) => this.outbox.has(emit)))
  }
  /** Behind the promise reactions of this tick, so that all their emits leave together. */
  private readonly flushAtEndOfTick = (): void => nextTick(this.flush)

  constructor(
    dialer: Dialer,
    private readonly settings: Settings,
    private readonly dialect: Dialect,
    private readonly receiver: Receiver,
    private readonly storeOf: (connection: Connection) => Store,
  ) {
    this.link = new Link('publish', dialer, settings.connectTimeout, this)
    this.outbox = new Outbox(settings.publishTimeout, (emits) => this.expired(emits))
    this.lookups = new Lookups(
      settings.publishTimeout,
      storeOf,
      () => this.transmission?.heardOfKey(),
      (writtenAt) => this.transmission?.overdue('GET', writtenAt),
    )
  }

  connect(): Promise<void> {
    if (this.closed) return Promise.reject(closedError())
    if (this.transmission) return Promise.resolve()
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
    if (!this.transmission) this.link.open()
    return found
  }

  private send(key: EventKey, order: () => Order): Promise<void> {
    if (this.closed) return Promise.reject(closedError())
    if (!this.transmission && this.outbox.size >= this.settings.maxQueued) return Promise.reject(this.full())
    return new Promise((resolve, reject) => {
      const emit = this.outbox.add(key, order(), resolve, reject)
      if (!this.transmission) {
        this.link.open()
        return
      }
      this.fresh.push(emit)
      if (this.fresh.length === 1) void Promise.resolve().then(this.flushAtEndOfTick)
    })
  }

  async close(): Promise<void> {
    this.closed = true
    this.leave()
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
    const { outbox, settings } = this
    const lose = (cause: ServerEventsError): void => this.link.drop(connection, cause)
    this.transmission = new Transmission(connection, this.storeOf(connection), outbox, settings, lose)
    // Before anyone is told: what is emitted then comes after what is waiting.
    this.transmission.write(outbox.all())
    this.lookups.up(connection)
    this.receiver.state('inputStore', true)
    for (const { resolve } of this.takeConnecting()) resolve()
  }

  down(cause: ServerEventsError): void {
    this.leave()
    this.lookups.down()
    this.receiver.state('inputStore', false, cause)
  }

  failed(error: ServerEventsError): void {
    this.lookups.down()
    this.receiver.error('inputStore', error)
  }

  refused({ message }: AuthError): void {
    this.lookups.idle(() => new AuthError(message))
    for (const { reject } of this.takeConnecting()) reject(new AuthError(message))
    for (const emit of this.outbox.takeAll()) emit.reject(new AuthError(message))
  }

  private expired(emits: readonly Emit[]): void {
    const { publishTimeout } = this.settings
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
    for (const { writtenOn, writtenAt } of emits)
      if (writtenOn && writtenOn === this.transmission?.connection) this.transmission.overdue('PUBLISH', writtenAt)
  }

  private leave(): void {
    this.transmission?.end()
    this.transmission = undefined
    this.fresh = []
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
