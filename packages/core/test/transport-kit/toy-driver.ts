import { ToyBroker, turns } from '@server-events/testing'
import { AuthError, ConnectionError, ForbiddenError } from 'server-events'
import type { EventKey, Message, Once, Topic } from 'server-events'
import { channelName, decodeEvent, encodeEvent, TransientRefusal } from 'server-events/transport-kit'
import type { Driver, Link, LinkEvents } from 'server-events/transport-kit'

type Request = Parameters<ToyBroker['handle']>[1]

/** A toy broker, and what can go wrong with it. */
export class Faults {
  readonly broker = new ToyBroker({ password: 'right' })
  /** Nothing is answered, and nothing arrives; it goes on where it stopped. */
  frozen = false
  /** No connection can be made. */
  refusing = false
  /** Why everything is refused for now. */
  busy: string | undefined
  /** What is published with this body makes the broker close the connection. */
  poison: string | undefined
  /** A store that answers nothing. */
  isStoreSilent = false
  /** Connections made so far, and what was asked on them. */
  dials = 0
  readonly asked: Request[] = []

  async pass(): Promise<void> {
    while (this.frozen) await new Promise((resolve) => setTimeout(resolve, 2).unref())
  }

  /** So many were published to a name, or to anything. */
  published(body?: string): number {
    return this.asked.filter(
      (request) => request.type === 'publish' && (body === undefined || request.payload.includes(JSON.stringify(body))),
    ).length
  }
}

/** Over the connections of a toy broker, which nobody repairs. */
export class ToyDriver implements Driver {
  readonly broker = 'toy'
  readonly place = 'localhost:1'
  readonly keeps = true
  readonly once = true

  constructor(
    readonly faults: Faults,
    readonly routing: 'name' | 'id' = 'id',
    readonly password = 'right',
    readonly separate = false,
  ) {}

  async dial(events: LinkEvents, signal: AbortSignal): Promise<Link> {
    const { faults } = this
    faults.dials++
    await turns(5)
    await faults.pass()
    if (faults.refusing) throw Object.assign(new Error('refused: password=right'), { code: 'ECONNREFUSED' })
    if (!faults.broker.lets(this.password)) throw new AuthError('toy at localhost:1 refused the credentials')
    const link = new ToyLink(faults, events)
    if (signal.aborted) await link.close()
    return link
  }
}

class ToyLink implements Link {
  readonly subjects = new Set<string>()
  readonly store = {
    set: async (key: EventKey, message: Message, ms: number): Promise<void> => {
      if (this.#faults.isStoreSilent) await new Promise(() => {})
      await this.#ask({ type: 'set', key: subjectOf(key), value: encodeEvent(key, message), ms })
    },
    setOnce: async (key: EventKey, message: Message, ms: number, once: Once): Promise<Message | undefined> => {
      if (this.#faults.isStoreSilent) await new Promise(() => {})
      const at = { type: 'replace', key: subjectOf(key), value: encodeEvent(key, message), ms } as const
      for (let expected: string | undefined; ;) {
        const value = await this.#ask({ ...at, expected })
        const held = value === undefined ? undefined : decodeEvent(value).message
        if (!held || once(held) !== 'none') return held
        expected = value
      }
    },
    get: async (key: EventKey): Promise<Message | undefined> => {
      const value = await this.#ask({ type: 'get', key: subjectOf(key) })
      return value === undefined ? undefined : decodeEvent(value).message
    },
    delete: (key: EventKey) => this.#ask({ type: 'delete', key: subjectOf(key) }),
  }
  readonly #faults: Faults
  readonly #events: LinkEvents
  #isOver = false

  constructor(faults: Faults, events: LinkEvents) {
    this.#faults = faults
    this.#events = events
    faults.broker.connections.add(this)
  }

  readonly hear = (_subject: string, payload: string): void => {
    void turns(1).then(async () => {
      await this.#faults.pass()
      if (this.#isOver) return
      const { key, message } = decodeEvent(payload)
      this.#events.message(key, () => message)
    })
  }

  readonly cut = (): void => {
    void this.close()
    this.#events.ended()
  }

  publish(key: EventKey, message: Message): Promise<unknown> {
    return this.#ask({ type: 'publish', subject: subjectOf(key), payload: encodeEvent(key, message) })
  }

  subscribe(topic: Topic): Promise<unknown> {
    return this.#ask({ type: 'subscribe', subject: subjectOf(topic) })
  }

  unsubscribe(topic: Topic): Promise<unknown> {
    return this.#ask({ type: 'unsubscribe', subject: subjectOf(topic) })
  }

  ping(): Promise<unknown> {
    return this.#ask({ type: 'nothing' })
  }

  close(): Promise<void> {
    this.#isOver = true
    this.#faults.broker.connections.delete(this)
    return Promise.resolve()
  }

  async #ask(request: Request): Promise<string | undefined> {
    const faults = this.#faults
    await turns(request.type === 'subscribe' ? 20 : 1)
    await faults.pass()
    if (this.#isOver) throw new ConnectionError('the connection is over')
    faults.asked.push(request)
    if (faults.poison !== undefined && request.type === 'publish' && request.payload.includes(faults.poison)) this.cut()
    if (faults.busy !== undefined && request.type !== 'nothing') throw new TransientRefusal(faults.busy)
    try {
      return faults.broker.handle(this, request)
    } catch {
      throw new ForbiddenError('the toy broker forbids it')
    } finally {
      await turns(1)
    }
  }
}

/** Without an id all of a name; a star is no part of an encoded name. */
export function subjectOf({ name, id }: Topic): string {
  return id === undefined ? `${channelName([name], 2_000)}.*` : channelName([name, id], 2_000)
}
