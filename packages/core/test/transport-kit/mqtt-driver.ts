import mqtt from 'mqtt'
import type { IClientOptions, MqttClient } from 'mqtt'
import { AuthError, ForbiddenError } from 'server-events'
import type { EventKey, Message, Topic } from 'server-events'
import { channelName, decodeEvent, encodeEvent } from 'server-events/transport-kit'
import type { Driver, Link, LinkEvents, LinkStore } from 'server-events/transport-kit'

/** MQTT 5: a topic for each event, and retained messages for outcomes. */
export class MqttDriver implements Driver {
  readonly routing = 'name'
  readonly broker = 'mqtt'
  readonly place: string
  readonly keeps = true
  readonly #options: IClientOptions
  readonly #prefix: string

  constructor(options: IClientOptions & { host: string; port: number }, prefix = 'se') {
    this.place = `${options.host}:${options.port}`
    this.#prefix = prefix
    // The kit repairs. The client itself finds out, within ten seconds, that the other end is gone.
    this.#options = { ...options, protocolVersion: 5, reconnectPeriod: 0, keepalive: 5, resubscribe: false }
  }

  dial(events: LinkEvents, signal: AbortSignal): Promise<Link> {
    return new Promise((resolve, reject) => {
      const client = mqtt.connect({ ...this.#options, properties: { receiveMaximum: 65_535 } })
      client.on('connect', () => resolve(new MqttLink(client, this.#prefix, events)))
      client.on('error', (error) => reject(isRefusal(error) ? new AuthError('mqtt refused the credentials') : error))
      client.on('close', () => {
        reject(new Error('closed'))
        events.ended()
      })
      signal.addEventListener('abort', () => client.end(true))
    })
  }
}

class MqttLink implements Link {
  readonly store: LinkStore
  readonly #client: MqttClient
  readonly #prefix: string

  constructor(client: MqttClient, prefix: string, events: LinkEvents) {
    this.#client = client
    this.#prefix = prefix
    this.store = new RetainedMessages(client, (key) => `${prefix}/kept/${levels(key)}`)
    client.on('message', (topic, payload) => {
      if (!topic.startsWith(`${prefix}/live/`)) return
      try {
        const { key, message } = decodeEvent(payload.toString())
        events.message(key, () => message)
      } catch (error) {
        events.unreadable(error as Error)
      }
    })
  }

  publish(key: EventKey, message: Message): Promise<unknown> {
    return this.#client.publishAsync(this.#topic(key), encodeEvent(key, message), { qos: 1 }).catch(refused)
  }

  subscribe(topic: Topic): Promise<unknown> {
    return this.#client.subscribeAsync(this.#topic(topic), { qos: 1 }).catch(refused)
  }

  unsubscribe(topic: Topic): Promise<unknown> {
    return this.#client.unsubscribeAsync(this.#topic(topic))
  }

  bytesRead(): number {
    return (this.#client.stream as { bytesRead?: number }).bytesRead ?? 0
  }

  close(): Promise<void> {
    return this.#client.endAsync(true)
  }

  #topic(topic: Topic): string {
    return `${this.#prefix}/live/${levels(topic)}`
  }
}

/** Name and id are one level each, whatever they hold. */
const levels = ({ name, id }: Topic): string => `${level(name)}/${id === undefined ? '+' : level(id)}`
const level = (text: string): string => channelName([text], 2_000)

/** As answers to CONNECT: bad user name or password, not authorized. */
const isRefusal = (error: Error): boolean => [134, 135].includes(Number((error as { code?: unknown }).code))

/** As answers to PUBLISH and SUBSCRIBE: not authorized, or no reason given. Anything else is trouble with the connection. */
const refused = (error: Error & { code?: unknown }): never => {
  throw error.code === 135 || error.code === 128 ? new ForbiddenError('mqtt forbids it') : error
}

/** The broker retains one message for each topic, and sends it to whoever subscribes. */
class RetainedMessages implements LinkStore {
  readonly #client: MqttClient
  readonly #topic: (key: EventKey) => string
  readonly #found = new Map<string, string>()
  /** One topic is read once at a time. */
  readonly #reading = new Map<string, Promise<unknown>>()
  readonly #echoed = new Map<string, () => void>()
  #echoes = 0

  constructor(client: MqttClient, topic: (key: EventKey) => string) {
    this.#client = client
    this.#topic = topic
    client.on('message', (from, payload) => {
      if (this.#reading.has(from)) this.#found.set(from, payload.toString())
      this.#echoed.get(from)?.()
    })
  }

  set(key: EventKey, message: Message, keepMs: number): Promise<unknown> {
    const payload = JSON.stringify({ until: Date.now() + keepMs, event: encodeEvent(key, message) })
    // A broker that counts whole seconds may be early by one; `until` says what is over.
    const properties = { messageExpiryInterval: Math.ceil(keepMs / 1_000) + 1 }
    return this.#client.publishAsync(this.#topic(key), payload, { qos: 1, retain: true, properties }).catch(refused)
  }

  delete(key: EventKey): Promise<unknown> {
    return this.#client.publishAsync(this.#topic(key), '', { qos: 1, retain: true }).catch(refused)
  }

  async get(key: EventKey): Promise<Message | undefined> {
    const topic = this.#topic(key)
    const reading = (this.#reading.get(topic) ?? Promise.resolve()).catch(() => {}).then(() => this.#read(topic))
    this.#reading.set(topic, reading)
    const payload = await reading.finally(() => this.#reading.get(topic) === reading && this.#reading.delete(topic))
    if (!payload) return undefined
    const { until, event } = JSON.parse(payload) as { until: number; event: string }
    return until > Date.now() ? decodeEvent(event).message : undefined
  }

  /** What is retained comes before the echo of what is published once the subscription stands. */
  async #read(topic: string): Promise<string | undefined> {
    const echo = `${topic}/echo/${this.#client.options.clientId}/${this.#echoes++}`
    const echoed = new Promise<void>((resolve) => this.#echoed.set(echo, resolve))
    await this.#client.subscribeAsync([topic, echo], { qos: 1 }).catch(refused)
    await this.#client.publishAsync(echo, '', { qos: 1 })
    await echoed.finally(() => this.#echoed.delete(echo))
    const payload = this.#found.get(topic)
    this.#found.delete(topic)
    await this.#client.unsubscribeAsync([topic, echo])
    return payload
  }
}
