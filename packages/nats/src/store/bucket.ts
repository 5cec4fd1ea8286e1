import { performance } from 'node:perf_hooks'
import { Kvm } from '@nats-io/kv'
import type { KV } from '@nats-io/kv'
import type { NatsConnection } from '@nats-io/transport-node'
import { InvalidArgumentError, SerializationError, ServerEventsError } from 'server-events'
import type { EventKey, Message, Once } from 'server-events'
import { eventOf, TransientRefusal } from 'server-events/transport-kit'
import type { LinkStore } from 'server-events/transport-kit'
import { hasNoJetStream, isUnanswered, jetStreamCode, noJetStream, storeError, tooLarge, violationOf } from '../errors'
import type { Settings } from '../options'
import type { ReceivedHeaders } from '../wire/headers'
import { decode, encode, keepOf, keptHeaders } from '../wire/messages'
import type { Wire } from '../wire/messages'
import { keyOf } from '../wire/subjects'
import { ServerClock } from './server-clock'
import { lastOf } from './stored'
import type { Stored } from './stored'

const STREAM_NOT_FOUND = 10059
const STREAM_NAME_IN_USE = 10058
const NO_TTL = 10166
const WRONG_LAST_SEQUENCE = 10071

/** How long a server that deletes an outcome by itself may remember that it did, in ms; its minimum. */
const MARKER = 1_000

/** What there is of an API of JetStream. */
type JetStream = Kvm['js']
type Manager = Awaited<ReturnType<JetStream['jetstreamManager']>>

interface Opened {
  readonly jetStream: JetStream
  readonly bucket: KV
  /** Nothing is kept for longer, in ms; 0 for no limit. */
  readonly maxAge: number
  /** Whether the server deletes each outcome at its own time, as far as is known. */
  expires: boolean
}

/** The key-value bucket of kept outcomes over one connection: a JetStream stream with one message for each subject. */
export class Bucket implements LinkStore {
  readonly #name: string
  readonly #stream: string
  readonly #client: NatsConnection
  readonly #bytesRead: () => number
  readonly #place: string
  readonly #settings: Settings
  readonly #clock: ServerClock
  #opening: Promise<Opened> | undefined
  /** JetStream has answered: of a server that has none itself, another one of its cluster. */
  #wasThere = false

  /** `bytesRead` is how many bytes the client's connection has read. */
  constructor(name: string, client: NatsConnection, bytesRead: () => number, place: string, settings: Settings) {
    this.#name = name
    this.#bytesRead = bytesRead
    this.#stream = `KV_${name}`
    this.#client = client
    this.#place = place
    this.#settings = settings
    this.#clock = new ServerClock(client, this.#stream)
  }

  /** That it does not answer proves nothing. */
  async probe(): Promise<void> {
    try {
      await this.#open()
    } catch (error) {
      if (this.#isOff(error)) throw noJetStream(error, this.#place)
    }
  }

  async set(key: EventKey, message: Message, keepMs: number): Promise<void> {
    const wire = encode(message)
    await this.#use('store', (opened) => this.#publish(opened, key, wire, keepMs))
  }

  /** As `create` of a bucket does: only behind what was seen last, of which nothing must be left. */
  async setOnce(key: EventKey, message: Message, keepMs: number, once: Once): Promise<Message | undefined> {
    const wire = encode(message)
    return this.#use('store', async (opened) => {
      for (let behind = 0; ;) {
        try {
          await this.#publish(opened, key, wire, keepMs, behind)
          return undefined
        } catch (error) {
          if (jetStreamCode(error) !== WRONG_LAST_SEQUENCE) throw error
        }
        const stored = await this.#stored(key)
        const held = stored && (await this.#isKept(stored)) ? readable(key, stored) : undefined
        if (held && once(held) !== 'none') return held
        behind = stored?.seq ?? 0
      }
    })
  }

  async get(key: EventKey): Promise<Message | undefined> {
    const stored = await this.#use('read', () => this.#stored(key))
    if (stored === null || !(await this.#isKept(stored))) return undefined
    return decode(key.name, stored.data, stored.headers)
  }

  async delete(key: EventKey): Promise<void> {
    await this.#use('forget', ({ bucket }) => bucket.purge(keyOf(this.#settings.prefix, key)))
  }

  /** With `behind` only if the last message of this key has that sequence number; 0 is none. */
  async #publish(opened: Opened, key: EventKey, wire: Wire, keepMs: number, behind?: number): Promise<void> {
    const { jetStream, maxAge } = opened
    if (maxAge > 0 && keepMs > maxAge)
      throw new InvalidArgumentError(
        `${eventOf(key)} cannot be kept for ${keepMs} ms: bucket ${this.#name} keeps nothing for longer than ${maxAge} ms`,
      )
    const headers = keptHeaders(wire.headers, keepMs)
    const expect = behind === undefined ? {} : { expect: { lastSubjectSequence: behind } }
    const ttl = { ttl: `${Math.ceil(keepMs / 1_000)}s` }
    try {
      await jetStream.publish(this.#keyOf(key), wire.data, { headers, ...expect, ...(opened.expires && ttl) })
    } catch (error) {
      if (!opened.expires || jetStreamCode(error) !== NO_TTL)
        throw tooLarge(error, key, this.#place, this.#client.info?.max_payload) ?? error
      // Who may not look at the bucket finds out this way.
      opened.expires = false
      headers.delete('Nats-TTL')
      await jetStream.publish(this.#keyOf(key), wire.data, { headers, ...expect })
    }
  }

  #stored(key: EventKey): Promise<Stored | null> {
    return lastOf({ client: this.#client, bytesRead: this.#bytesRead }, this.#stream, this.#keyOf(key))
  }

  async #isKept({ time, headers }: Stored): Promise<boolean> {
    if (isGone(headers)) return false
    const keep = keepOf(headers)
    return keep === undefined || time + keep > (await this.#clock.now())
  }

  async #use<T>(what: 'store' | 'read' | 'forget', action: (opened: Opened) => Promise<T>): Promise<T> {
    const opening = this.#open()
    try {
      try {
        return await action(await opening)
      } catch (error) {
        // Nobody answers for the bucket: it was deleted, or JetStream is off.
        const isGone = hasNoJetStream(error) || jetStreamCode(error) === STREAM_NOT_FOUND
        if (!isGone) throw error
        if (this.#opening === opening) this.#opening = undefined
        return await action(await this.#open())
      }
    } catch (error) {
      if (error instanceof ServerEventsError) throw error
      const code = jetStreamCode(error)
      // Nothing was forgotten, and nothing is uncertain.
      if (what === 'forget' && code !== undefined) throw new TransientRefusal(`JetStream error ${code}`)
      if (this.#isOff(error)) throw noJetStream(error, this.#place)
      throw storeError(error, what, this.#place)
    }
  }

  /** Where it is known to be, it is away when nobody answers: a stream, or the cluster, elects its leader. */
  #isOff(error: unknown): boolean {
    const isThere = this.#wasThere || this.#client.info?.jetstream === true
    return hasNoJetStream(error) && !(isThere && isUnanswered(error))
  }

  #open(): Promise<Opened> {
    if (this.#opening) return this.#opening
    const opening = this.#look()
    this.#opening = opening
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined
    })
    return opening
  }

  async #look(): Promise<Opened> {
    const kvm = new Kvm(this.#client)
    const manager = await kvm.js.jetstreamManager(false)
    const config = await this.#config(kvm, manager)
    const bucket = await kvm.open(this.#name)
    return {
      jetStream: kvm.js,
      bucket,
      // Who may not look at the bucket goes by what it would have made, and finds out about the rest.
      maxAge: config ? config.max_age / 1_000_000 : this.#settings.maxKeep,
      expires: config ? (config.allow_msg_ttl ?? false) : expiresMessages(this.#client.info?.version),
    }
  }

  async #config(kvm: Kvm, manager: Manager): Promise<Config | undefined> {
    try {
      return await this.#info(manager)
    } catch (error) {
      // Who may only write or read outcomes has not to be allowed to look at the bucket.
      if (violationOf(error)) return undefined
      if (jetStreamCode(error) !== STREAM_NOT_FOUND) throw error
    }
    const { maxKeep } = this.#settings
    const perMessage = expiresMessages(this.#client.info?.version) ? { markerTTL: MARKER } : {}
    try {
      await kvm.create(this.#name, { history: 1, ttl: maxKeep, ...perMessage })
    } catch (error) {
      // Somebody else was faster.
      if (jetStreamCode(error) !== STREAM_NAME_IN_USE) throw error
    }
    return this.#info(manager)
  }

  async #info(manager: Manager): Promise<Config> {
    const since = performance.now()
    const info = await manager.streams.info(this.#stream)
    this.#wasThere = true
    this.#clock.learn((info as { ts?: unknown }).ts, since)
    return info.config
  }

  #keyOf(key: EventKey): string {
    return `$KV.${this.#name}.${keyOf(this.#settings.prefix, key)}`
  }
}

interface Config {
  readonly max_age: number
  readonly allow_msg_ttl?: boolean
}

/**
 * What nobody can read is no outcome.
 * @throws UnsupportedError for one that a later version can
 */
function readable({ name }: EventKey, { data, headers }: Stored): Message | undefined {
  try {
    return decode(name, data, headers)
  } catch (error) {
    if (error instanceof SerializationError) return undefined
    throw error
  }
}

/** What is left of an outcome that was removed, or that the server has deleted at its time. */
function isGone(headers: ReceivedHeaders): boolean {
  return headers.has('KV-Operation') || headers.has('Nats-Marker-Reason')
}

/** From NATS 2.11 on. */
function expiresMessages(version = ''): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? []
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 11)
}
