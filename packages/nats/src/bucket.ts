import { performance } from 'node:perf_hooks'
import { Kvm } from '@nats-io/kv'
import type { KV } from '@nats-io/kv'
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import { InvalidArgumentError } from 'server-events'
import type { EventKey, Message } from 'server-events'
import { eventOf, hasNoJetStream, jetStreamCode, noJetStream, storeError, violationOf } from './errors'
import type { Connection } from './link'
import type { Settings } from './options'
import type { Emit } from './outbox'
import { bounded } from './bounded'
import { subjectOf } from './subjects'
import { decode, keepOf, keptHeaders } from './wire'

const STREAM_NOT_FOUND = 10059
const STREAM_NAME_IN_USE = 10058

/** How long a server that deletes an outcome by itself may remember that it did, in ms; its minimum. */
const MARKER = 1_000

/** What there is of an API of JetStream. */
type JetStream = Kvm['js']
type Manager = Awaited<ReturnType<JetStream['jetstreamManager']>>
type Stored = NonNullable<Awaited<ReturnType<Manager['streams']['getMessage']>>>

interface Opened {
  readonly client: NatsConnection
  readonly jetStream: JetStream
  readonly manager: Manager
  readonly bucket: KV
  /** Nothing is kept for longer, in ms; 0 for no limit. */
  readonly maxAge: number
  /** Whether the server deletes each outcome at its own time. */
  readonly expires: boolean
}

/** The key-value bucket of kept outcomes: a JetStream stream with one message for each subject. */
export class Bucket {
  private readonly stream: string
  private opening: { readonly client: NatsConnection; readonly opened: Promise<Opened> } | undefined

  constructor(
    private readonly name: string,
    private readonly settings: Settings,
  ) {
    this.stream = `KV_${name}`
  }

  /** Rejects with UnsupportedError if there is no JetStream. That it does not answer proves nothing. */
  async probe(connection: Connection): Promise<void> {
    try {
      await bounded(connection, this.open(connection), this.settings.publishTimeout)
    } catch (error) {
      if (hasNoJetStream(error)) throw noJetStream(error, connection.place)
    }
  }

  /** Stores an emit, in half of the time that it has left, so that it can still be published. */
  async put(connection: Connection, { key, subject, wire, keepMs, due }: Emit): Promise<void> {
    const put = async ({ jetStream, maxAge, expires }: Opened): Promise<void> => {
      if (maxAge > 0 && keepMs > maxAge)
        throw new InvalidArgumentError(
          `${eventOf(key)} cannot be kept for ${keepMs} ms: bucket ${this.name} keeps nothing for longer than ${maxAge} ms`,
        )
      const headers = keptHeaders(wire.headers, keepMs)
      const ttl = expires ? { ttl: `${Math.ceil(keepMs / 1_000)}s` } : {}
      await jetStream.publish(this.keyOf(subject), wire.data, { headers, ...ttl })
    }
    const left = Math.max(1, Math.floor((due - performance.now()) / 2))
    await this.use(connection, put, 'store', left)
  }

  /** From the leader of the stream: others may not have yet what it has acknowledged. */
  async get(connection: Connection, key: EventKey, ms: number): Promise<Message | undefined> {
    const get = async ({ manager }: Opened): Promise<Stored | null> =>
      manager.streams.getMessage(this.stream, { last_by_subj: this.keyOf(subjectOf(this.settings.prefix, key)) })
    const stored = await this.use(connection, get, 'read', ms)
    if (stored === null || isGone(stored.header)) return undefined
    const keep = keepOf(stored.header)
    // Told by the clock of the server that stored it and by ours.
    if (keep !== undefined && stored.time.getTime() + keep <= Date.now()) return undefined
    return decode(key.name, stored.data, stored.header)
  }

  async purge(connection: Connection, key: EventKey, ms: number): Promise<void> {
    const purge = ({ bucket }: Opened): Promise<void> => bucket.purge(subjectOf(this.settings.prefix, key))
    await this.use(connection, purge, 'forget', ms)
  }

  private async use<T>(
    connection: Connection,
    action: (opened: Opened) => Promise<T>,
    what: string,
    ms: number,
  ): Promise<T> {
    const acted = async (): Promise<T> => {
      try {
        return await action(await this.open(connection))
      } catch (error) {
        // Nobody answers for the bucket: it was deleted, or JetStream is off.
        const gone = hasNoJetStream(error) || jetStreamCode(error) === STREAM_NOT_FOUND
        if (!gone || this.opening?.client !== connection.client) throw error
        this.opening = undefined
        return action(await this.open(connection))
      }
    }
    try {
      return await bounded(connection, acted(), ms)
    } catch (error) {
      if (error instanceof InvalidArgumentError) throw error
      throw storeError(error, `${what} the outcome`, connection.place)
    }
  }

  private open({ client }: Connection): Promise<Opened> {
    if (this.opening?.client === client) return this.opening.opened
    const opened = this.look(client)
    const opening = { client, opened }
    this.opening = opening
    opened.catch(() => {
      if (this.opening === opening) this.opening = undefined
    })
    return opened
  }

  private async look(client: NatsConnection): Promise<Opened> {
    const kvm = new Kvm(client)
    const manager = await kvm.js.jetstreamManager(false)
    const config = await this.config(client, kvm, manager)
    const bucket = await kvm.open(this.name)
    return {
      client,
      jetStream: kvm.js,
      manager,
      bucket,
      maxAge: (config?.max_age ?? 0) / 1_000_000,
      expires: config?.allow_msg_ttl ?? false,
    }
  }

  private async config(client: NatsConnection, kvm: Kvm, manager: Manager): Promise<Config | undefined> {
    try {
      return (await manager.streams.info(this.stream)).config
    } catch (error) {
      // Who may only write or read outcomes has not to be allowed to look at the bucket.
      if (violationOf(error)) return undefined
      if (jetStreamCode(error) !== STREAM_NOT_FOUND) throw error
    }
    const { maxKeep } = this.settings
    const perMessage = expiresMessages(client.info?.version) ? { markerTTL: MARKER } : {}
    try {
      await kvm.create(this.name, { history: 1, ttl: maxKeep, ...perMessage })
    } catch (error) {
      // Somebody else was faster.
      if (jetStreamCode(error) !== STREAM_NAME_IN_USE) throw error
    }
    return (await manager.streams.info(this.stream)).config
  }

  private keyOf(subject: string): string {
    return `$KV.${this.name}.${subject}`
  }
}

interface Config {
  readonly max_age: number
  readonly allow_msg_ttl?: boolean
}

/** What is left of an outcome that was removed, or that the server has deleted at its time. */
function isGone(headers: MsgHdrs): boolean {
  return headers.has('KV-Operation') || headers.has('Nats-Marker-Reason')
}

/** From NATS 2.11 on. */
function expiresMessages(version = ''): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? []
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 11)
}
