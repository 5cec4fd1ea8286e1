import {
  AuthError,
  ClosedError,
  ConnectionError,
  ForbiddenError,
  homeOf,
  InvalidArgumentError,
  UncertainError,
} from 'server-events'
import type { EventKey, Keeper, Message, Receiver, Topic, Transport } from 'server-events'
import type { ToyClient, ToyError } from '@server-events/testing'

const stores = ['inputStore', 'outputStore'] as const

/** Everything that the contract asks for, over a client that repairs itself. What lies is made from it. */
export class HonestTransport implements Transport {
  readonly routing: 'name' | 'id' = 'id'
  readonly homes: boolean = false
  readonly questions?: true
  readonly keeper: Keeper = {
    publish: async (key, message, keepMs) => {
      // In this order, and without waiting: what is published next must not overtake it.
      await Promise.all([this.store(key, message, keepMs), this.announce(key, message)])
    },
    recall: (keys) =>
      Promise.all(
        keys.map((key) =>
          this.ours(this.client.get(this.storeKey(key))).then(
            (value) => (value === undefined ? undefined : this.decode(value)),
            (error: unknown) => error as Error,
          ),
        ),
      ),
    forget: (key) => this.ours(this.client.delete(this.storeKey(key))),
  }
  protected receiver: Receiver | undefined
  protected readonly topics = new Set<string>()

  constructor(protected readonly client: ToyClient) {}

  attach(receiver: Receiver): void {
    if (this.receiver) throw new InvalidArgumentError('this transport has its receiver: make another one')
    this.receiver = receiver
    this.client.on('ready', () => this.told(true))
    this.client.on('disconnect', () => this.told(false))
    this.client.on('failed', (error) => this.failed(error))
    this.client.on('denied', (subject) => this.denied(subject))
    this.client.on('message', (subject, payload) => this.heard(subject, payload))
  }

  connect(): Promise<void> {
    return this.ours(this.client.connect())
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.announce(key, message)
  }

  /** Apart from publish, so that who lies there is honest about what it keeps. */
  protected announce(key: EventKey, message: Message): Promise<void> {
    return this.ours(this.client.publish(this.subject(key), this.encode(message)))
  }

  async subscribe(topic: Topic): Promise<void> {
    const subject = this.subject(topic)
    this.topics.add(subject)
    await this.ours(this.client.subscribe(subject))
  }

  async unsubscribe(topic: Topic): Promise<void> {
    this.topics.delete(this.subject(topic))
    await this.client.unsubscribe(this.subject(topic))
  }

  async close(): Promise<void> {
    this.client.removeAllListeners()
    await this.client.end()
  }

  store(key: EventKey, message: Message, keepMs: number): Promise<void> {
    return this.ours(this.client.set(this.storeKey(key), this.encode(message), keepMs))
  }

  protected told(up: boolean): void {
    for (const store of stores) this.receiver?.state(store, up)
  }

  protected failed(error: ToyError): void {
    for (const store of stores) this.receiver?.error(store, this.ourError(error))
  }

  protected denied(subject: string): void {
    this.topics.delete(subject)
    const [name = '', part = '*', id] = subject.split('/')
    const only = id === undefined ? { id: decodeURIComponent(part) } : { home: part.slice(1) }
    this.receiver?.lost(
      { name: decodeURIComponent(name), ...(part !== '*' && only) },
      new ForbiddenError(`the broker forbids ${subject}`),
    )
  }

  protected heard(subject: string, payload: string): void {
    if (!this.covers(subject)) return
    const [name = '', ...ids] = subject.split('/')
    this.deliver({ name: decodeURIComponent(name), id: decodeURIComponent(ids.at(-1) ?? '') }, this.decode(payload))
  }

  protected covers(subject: string): boolean {
    const [name = '', home] = subject.split('/')
    return [subject, `${name}/*`, `${name}/${home}/*`].some((desired) => this.topics.has(desired))
  }

  protected deliver(key: EventKey, message: Message): void {
    if (this.receiver?.wants(key)) this.receiver.deliver(key, message)
  }

  /** Without id a wildcard, which no encoded text is. What is of a home has three parts. */
  protected subject({ name, id, home = id === undefined ? undefined : homeOf(id) }: Topic): string {
    const encode = (text: string): string => encodeURIComponent(text).replaceAll('*', '%2A')
    return [encode(name), ...(home === undefined ? [] : [`~${home}`]), id === undefined ? '*' : encode(id)].join('/')
  }

  protected storeKey({ name, id }: EventKey): string {
    return JSON.stringify([name, id])
  }

  protected encode({ body, ...rest }: Message): string {
    const text = typeof body === 'string'
    return JSON.stringify({ ...rest, text, body: text ? body : Buffer.from(body).toString('base64') })
  }

  protected decode(payload: string): Message {
    const { text, body, ...rest } = JSON.parse(payload) as Message & { text: boolean; body: string }
    return { ...rest, body: text ? body : new Uint8Array(Buffer.from(body, 'base64')) }
  }

  /** Our errors for the client's. */
  protected async ours<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      throw this.ourError(error as ToyError)
    }
  }

  protected ourError({ code, message }: ToyError): Error {
    if (code === 'DENIED') return new ForbiddenError(message)
    if (code === 'BAD_PASSWORD') return new AuthError(message)
    if (code === 'ENDED') return new ClosedError(message)
    if (code === 'UNREACHABLE') return new ConnectionError(message)
    return new UncertainError(message)
  }
}
