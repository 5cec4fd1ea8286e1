import { AuthError, ConnectionError } from 'server-events'
import type { EventKey, Message, Once, Receiver, ServerEventsError } from 'server-events'
import { atEndOfTick, Heartbeat, overfullError } from 'server-events/transport-kit'
import { ClusterAvailability } from './availability'
import { Batch } from './batch'
import type { Modes } from '../wire/modes'
import { closedError, lostWhenSent, uncertain } from '../errors'
import type { Frame, Settle } from './frame'
import { Frames } from './frames'
import { keptOf, keyOf, onceOf } from '../outcomes/key'
import { Link } from '../client/link'
import type { Connection, LinkHost } from '../client/link'
import type { RoleWatch } from '../client/role-watch'
import { Lookups } from '../outcomes/lookups'
import type { Found } from '../outcomes/lookups'
import type { Settings } from '../options'
import type { Dialer } from '../client/dialer'
import type { OutcomeStore } from '../outcomes/store'
import { Writer } from './writer'

/** The publishing side: what is emitted stays here until the server has answered, or its time is up. */
export class Publisher implements LinkHost {
  readonly #settings: Settings
  readonly #modes: Modes
  readonly #availability: ClusterAvailability
  readonly #storeOf: (connection: Connection) => OutcomeStore
  readonly #link: Link
  readonly #roles: RoleWatch
  readonly #heartbeat: Heartbeat<Connection>
  readonly #frames: Frames
  readonly #lookups: Lookups
  /** While there is a connection. */
  #writer: Writer | undefined
  /** Made in this tick, while there is a connection. */
  #fresh: Frame[] = []
  readonly #batch: Batch
  readonly #connecting: Settle[] = []
  #closed = false
  #tickEnds = false
  /** Why the last attempt failed, since there was a connection. */
  #trouble: ServerEventsError | undefined
  #place = ''
  readonly #flush = (): void => {
    this.#tickEnds = false
    this.#availability.used()
    this.#batch.end()
    this.#writeClosed()
  }

  constructor(
    dialer: Dialer,
    settings: Settings,
    modes: Modes,
    receiver: Receiver,
    storeOf: (connection: Connection) => OutcomeStore,
    roles: RoleWatch,
    isCluster: boolean,
  ) {
    this.#settings = settings
    this.#modes = modes
    this.#availability = new ClusterAvailability(receiver)
    this.#storeOf = storeOf
    this.#roles = roles
    this.#link = new Link('publish', dialer, settings.connectTimeout, this, roles)
    this.#heartbeat = new Heartbeat(settings.heartbeat, {
      ping: ({ client }) => client.ping(),
      dead: (connection, ms) => this.#replace(connection, `did not answer PING within ${ms} ms`),
    })
    this.#batch = new Batch(
      modes.channelOf,
      settings.batch,
      {
        made: (frame) => this.#enqueue(frame),
        closed: (frame) => this.#frames.renew(frame),
        full: () => this.#writeClosed(),
      },
      // What is kept once shares a frame only where one server has it all: one whose master is away must not hold up others.
      settings.batch && !isCluster,
    )
    this.#frames = new Frames(settings, {
      write: (frames) => this.#writer?.write(frames),
      expired: (frames) => this.expired(frames),
      poisoned: (frame) => frame.reject(lostWhenSent),
      doubt: () => this.#writer?.probe(),
      silent: () => this.silent('an emit'),
    })
    this.#lookups = new Lookups(settings.publishTimeout, {
      silent: () => this.silent('GET'),
      elsewhere: (place) => this.#availability.isNode(place),
    })
  }

  connect(): Promise<void> {
    if (this.#closed) return Promise.reject(closedError())
    if (this.#writer) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#connecting.push({ resolve, reject })
      this.#link.open()
    })
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.#send(() => {
      const outgoing = this.#modes.encode(key, message)
      const { text } = outgoing
      this.#checkRoom(text.length)
      const frame = this.#batch.frameFor(key, outgoing)
      const settled = frame.add(text)
      this.#frames.grow(frame, 1, text.length)
      return settled
    })
  }

  /** Stores it for so many ms, unless `once` finds that another outcome holds; then publishes what holds. */
  keep(key: EventKey, message: Message, ms: number, once?: Once): Promise<void> {
    return this.#send(() => {
      const outgoing = this.#modes.encode(key, message)
      const { text } = outgoing
      const { prefix } = this.#settings
      const kept = once ? onceOf(prefix, key, message, ms, once) : keptOf(prefix, key, message, ms)
      const bytes = text.length + kept.value.length
      this.#checkRoom(bytes)
      const frame = this.#batch.frameFor(key, outgoing, once !== undefined)
      const settled = frame.keep(key, text, kept)
      this.#frames.grow(frame, 1, bytes)
      return settled
    })
  }

  /** Removes what is kept, in order with what is emitted of the name. */
  forget(key: EventKey): Promise<void> {
    return this.#send(() => {
      const at = keyOf(this.#settings.prefix, key)
      this.#checkRoom(at.length)
      const frame = this.#batch.removal(key, at, this.#modes.homeOf(key.id))
      const settled = frame.add('')
      this.#frames.grow(frame, 1, at.length)
      return settled
    })
  }

  /** Reads keys; without a connection, and none about to be, it answers Errors at once. Never rejects. */
  async lookup(keys: readonly string[]): Promise<Found[]> {
    if (this.#closed) return keys.map(() => closedError())
    this.#availability.used()
    const found = this.#lookups.get(keys)
    if (!this.#writer) this.#link.open()
    return found
  }

  #send(put: () => Promise<void>): Promise<void> {
    if (this.#closed) return Promise.reject(closedError())
    try {
      return put()
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** @throws ConnectionError */
  #checkRoom(bytes: number): void {
    const overfull = this.#frames.overfull(bytes)
    if (overfull) throw overfullError(overfull, this.#link.at, this.#settings)
  }

  /** Nothing is written of a name and home that would leave an earlier frame of it behind: only its last one can be open. */
  #writeClosed(): void {
    const frames = this.#fresh.filter(({ open }) => !open)
    if (frames.length === 0) return
    this.#fresh = this.#fresh.filter(({ open }) => open)
    this.#frames.send(frames)
  }

  #enqueue(frame: Frame): void {
    this.#frames.add(frame)
    if (this.#writer) this.#fresh.push(frame)
    else this.#link.open()
    if (this.#tickEnds) return
    this.#tickEnds = true
    atEndOfTick(this.#flush)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#leave(false)
    this.#lookups.idle()
    for (const { reject } of this.#takeConnecting()) reject(closedError())
    for (const frame of this.#frames.takeAll())
      frame.reject((events) => (frame.written ? uncertain(events, 'before this transport was closed') : closedError()))
    await this.#link.close()
  }

  needed(): boolean {
    return this.#connecting.length > 0 || !this.#frames.isEmpty || this.#lookups.size > 0
  }

  up(connection: Connection): void {
    const { publishTimeout } = this.#settings
    const giveUp = (cause: ServerEventsError): void => this.#link.drop(connection, cause)
    this.#trouble = undefined
    this.#place = connection.place
    this.#availability.used()
    const store = this.#storeOf(connection)
    this.#writer = new Writer(connection, store, this.#frames, publishTimeout, {
      lose: giveUp,
      elsewhere: () => this.#availability.isNode(connection.place),
    })
    this.#heartbeat.start(connection, connection.life)
    this.#roles.add('publish', connection, giveUp)
    this.#batch.end()
    // Before anyone is told: what is emitted then comes after what is waiting.
    this.#frames.up(connection.life)
    this.#lookups.up(connection, store)
    this.#availability.up()
    for (const { resolve } of this.#takeConnecting()) resolve()
  }

  down(cause: ServerEventsError, dropped: boolean): void {
    const missed = dropped || this.needed()
    this.#trouble = cause
    this.#leave(true)
    this.#lookups.down()
    this.#availability.down(cause, missed)
  }

  failed(error: ServerEventsError): void {
    this.#trouble = error
    this.#lookups.down()
    this.#availability.failed(error)
  }

  refused({ message }: AuthError): void {
    this.#lookups.idle(() => new AuthError(message))
    for (const { reject } of this.#takeConnecting()) reject(new AuthError(message))
    this.#batch.end()
    for (const frame of this.#frames.takeAll()) frame.reject(() => new AuthError(message))
  }

  expired(frames: readonly Frame[]): void {
    const { publishTimeout } = this.#settings
    const when = `within ${publishTimeout} ms`
    const { at } = this.#link
    for (const frame of frames) {
      const { written, refusal: code } = frame
      const why =
        code === undefined ? (this.#trouble?.message ?? `no connection to ${at}`) : `${at} refused it for now (${code})`
      frame.expire(this.#place, (events) =>
        written ? uncertain(events, when) : new ConnectionError(`${events} was not sent ${when}: ${why}`),
      )
    }
    this.#replaceStuck(frames)
  }

  /** What is read behind a long outcome takes its time; else no answer at all is a sign that there will be none. */
  #replaceStuck(frames: readonly Frame[]): void {
    const writer = this.#writer
    const { publishTimeout } = this.#settings
    if (!writer || this.#lookups.size > 0) return
    if (frames.some((frame) => writer.isStuck(frame, publishTimeout)))
      this.#replace(writer.connection, `did not answer an emit within ${publishTimeout} ms`)
  }

  silent(what: string): void {
    const { connection } = this.#writer ?? {}
    const half = Math.round(this.#settings.publishTimeout / 2)
    if (connection) this.#replace(connection, `did not answer ${what} within ${half} ms`)
  }

  #replace(connection: Connection, what: string): void {
    this.#link.drop(connection, new ConnectionError(`redis at ${connection.place} ${what}: the connection is replaced`))
  }

  #leave(lost: boolean): void {
    this.#writer?.end()
    this.#writer = undefined
    this.#heartbeat.stop(lost)
    this.#roles.remove('publish')
    this.#frames.down()
    this.#fresh = []
  }

  #takeConnecting(): Settle[] {
    return this.#connecting.splice(0)
  }
}
