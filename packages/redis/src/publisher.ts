import { AuthError, ConnectionError } from 'server-events'
import type { EventKey, Message, Receiver, ServerEventsError } from 'server-events'
import { Batch } from './batch'
import type { Dialect } from './dialect'
import { closedError, uncertain } from './errors'
import type { Frame } from './frame'
import { keptOf, keyOf } from './kept'
import { Link } from './link'
import type { Connection, Side } from './link'
import { Lookups } from './lookups'
import type { Found } from './lookups'
import type { Settings } from './options'
import { Outbox } from './outbox'
import type { Dialer } from './source'
import type { Store } from './store'
import { atEndOfTick } from './tick'
import { Transmission } from './transmission'

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
  /** Made in this tick, while there is a connection. */
  private fresh: Frame[] = []
  private readonly batch: Batch
  private connecting: Connecting[] = []
  private closed = false
  private tickEnds = false
  private readonly flush = (): void => {
    this.tickEnds = false
    this.batch.end()
    this.writeClosed()
  }

  constructor(
    dialer: Dialer,
    private readonly settings: Settings,
    private readonly dialect: Dialect,
    private readonly receiver: Receiver,
    private readonly storeOf: (connection: Connection) => Store,
  ) {
    this.link = new Link('publish', dialer, settings.connectTimeout, this)
    this.batch = new Batch(dialect, settings.batch, {
      made: (frame) => this.enqueue(frame),
      closed: (frame) => this.outbox.renew(frame),
      full: () => this.writeClosed(),
    })
    this.outbox = new Outbox(settings.publishTimeout, (frames) => this.expired(frames))
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
    return this.send(() => {
      const text = this.dialect.encode(key, message)
      return this.batch.frameFor(key, message, text).add(text)
    })
  }

  /** Stores it for so many ms, then publishes it. */
  keep(key: EventKey, message: Message, ms: number): Promise<void> {
    return this.send(() => {
      const text = this.dialect.encode(key, message)
      const kept = keptOf(this.settings.prefix, key, message, ms)
      return this.batch.frameFor(key, message, text).keep(key, text, kept)
    })
  }

  /** Removes what is kept, in order with what is emitted of the name. */
  forget(key: EventKey): Promise<void> {
    return this.send(() => this.batch.removal(key, keyOf(this.settings.prefix, key)).add(''))
  }

  /** Reads keys; without a connection, and none about to be, it answers Errors at once. Never rejects. */
  async lookup(keys: readonly string[]): Promise<Found[]> {
    if (this.closed) return keys.map(() => closedError())
    const found = this.lookups.get(keys)
    if (!this.transmission) this.link.open()
    return found
  }

  private send(put: () => Promise<void>): Promise<void> {
    if (this.closed) return Promise.reject(closedError())
    if (!this.transmission && this.outbox.size >= this.settings.maxQueued) return Promise.reject(this.full())
    try {
      const settled = put()
      this.outbox.joined()
      return settled
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Nothing is written of a name that would leave an earlier frame of it behind: only its last one can be open. */
  private writeClosed(): void {
    const frames = this.fresh.filter(({ open }) => !open)
    if (frames.length === 0) return
    this.fresh = this.fresh.filter(({ open }) => open)
    this.transmission?.write(frames)
  }

  private enqueue(frame: Frame): void {
    this.outbox.add(frame)
    if (this.transmission) this.fresh.push(frame)
    else this.link.open()
    if (this.tickEnds) return
    this.tickEnds = true
    atEndOfTick(this.flush)
  }

  async close(): Promise<void> {
    this.closed = true
    this.leave()
    this.lookups.idle()
    for (const { reject } of this.takeConnecting()) reject(closedError())
    for (const frame of this.outbox.takeAll())
      frame.reject((events) =>
        frame.writtenOn ? uncertain(events, 'before this transport was closed') : closedError(),
      )
    await this.link.close()
  }

  needed(): boolean {
    return this.connecting.length > 0 || !this.outbox.isEmpty || this.lookups.size > 0
  }

  up(connection: Connection): void {
    const { outbox, settings } = this
    const lose = (cause: ServerEventsError): void => this.link.drop(connection, cause)
    this.transmission = new Transmission(connection, this.storeOf(connection), outbox, settings, lose)
    this.batch.end()
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
    this.batch.end()
    for (const frame of this.outbox.takeAll()) frame.reject(() => new AuthError(message))
  }

  private expired(frames: readonly Frame[]): void {
    const { publishTimeout } = this.settings
    for (const frame of frames) {
      frame.reject((events) =>
        frame.writtenOn
          ? uncertain(events, `within ${publishTimeout} ms`)
          : new ConnectionError(
              `${events} was not sent: no connection to redis at ${this.link.place} within ${publishTimeout} ms`,
            ),
      )
    }
    for (const { writtenOn, writtenAt } of frames)
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
