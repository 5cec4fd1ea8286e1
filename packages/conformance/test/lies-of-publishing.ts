import { ClosedError, ConnectionError, ForbiddenError, PayloadTooLargeError, UncertainError } from 'server-events'
import type { EventKey, Message, Topic } from 'server-events'
import { turns } from '@server-events/testing'
import type { ToyClient, ToyError } from '@server-events/testing'
import { HonestTransport } from './honest-transport'
import { Enveloping, Watching, liar, never } from './liars'
import type { Liar } from './liars'
import {
  asItIs,
  beforeClose,
  closedWhileDown,
  frozen,
  frozenClose,
  keptAcross,
  keptOrder,
  lookalikes,
  mixedOrder,
  onlyOnce,
  stopped,
} from './titles'

/** Publishes something else than it was given. */
const changes = (lie: string, fails: string, change: (message: Message) => Message | undefined): Liar =>
  liar(
    lie,
    fails,
    class extends HonestTransport {
      override async publish(key: EventKey, message: Message): Promise<void> {
        const changed = change(message)
        if (changed) await super.publish(key, changed)
      }
    },
  )

/** Addresses something else than it was given. */
const readdresses = (lie: string, fails: string, change: (topic: Topic) => Topic): Liar =>
  liar(
    lie,
    fails,
    class extends HonestTransport {
      protected override subject(topic: Topic): string {
        return super.subject(change(topic))
      }
    },
    [lookalikes],
  )

const asJson = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return text
  }
}

/** Each header anew, or not at all. */
const changesHeaders =
  (change: (header: readonly [name: string, value: string]) => string | undefined) =>
  ({ headers, ...rest }: Message): Message => {
    if (!headers) return rest
    const changed = Object.entries(headers).flatMap(([name, value]) => {
      const now = change([name, value])
      return now === undefined ? [] : [[name, now] as const]
    })
    return { ...rest, headers: Object.fromEntries(changed) }
  }

export const liesOfPublishing: readonly Liar[] = [
  changes(
    'makes an event of a failure',
    'messages: an event arrives as an event, a failure as a failure',
    (message) => ({
      ...message,
      kind: 'event',
    }),
  ),
  changes('trims strings', 'messages: strings arrive as they left', ({ body, ...rest }) => ({
    ...rest,
    body: typeof body === 'string' ? body.trim() : body,
  })),
  changes('turns bytes that are text into a string', 'messages: bytes arrive as bytes', ({ body, ...rest }) => {
    const text = typeof body === 'string' ? body : Buffer.from(body).toString()
    return { ...rest, body: Buffer.from(text).equals(Buffer.from(body)) ? text : body }
  }),
  changes('drops headers', 'messages: headers travel, also unknown ones', ({ headers: _, ...rest }) => rest),
  changes(
    'says kept of what is not',
    'messages: whether a message is kept is told truly, or not at all',
    (message) => ({
      ...message,
      kept: true,
    }),
  ),
  changes(
    'swallows what is large',
    'messages: any size arrives whole, or is refused with PayloadTooLargeError',
    (message) => (message.body.length > 2 ** 16 ? undefined : message),
  ),
  readdresses('puts names in lower case', 'messages: nasty names are nothing special', ({ name, ...rest }) => ({
    ...rest,
    name: name.toLowerCase(),
  })),
  readdresses('normalises ids', 'messages: nasty ids are nothing special', (topic) =>
    topic.id === undefined ? topic : { ...topic, id: topic.id.normalize() },
  ),
  liar(
    'takes the id * for a pattern',
    'messages: a name or an id is not a pattern',
    class extends HonestTransport {
      protected override subject(topic: Topic): string {
        return super.subject(topic.id === '*' ? { name: topic.name } : topic)
      }
    },
  ),
  liar(
    "mixes up ('a', 'b:c') and ('a:b', 'c')",
    "messages: ('a', 'b:c') and ('a:b', 'c') are two",
    class extends Enveloping {
      protected override subject({ name, id }: Topic): string {
        if (id === undefined) return super.subject({ name })
        const joined = `${name}:${id}`
        const end = joined.lastIndexOf(':')
        return super.subject({ name: joined.slice(0, end), id: joined.slice(end + 1) })
      }
    },
  ),
  liar(
    'subscribes to the first 63 characters of a name, and delivers what comes',
    lookalikes,
    class extends Enveloping {
      protected override subject({ name, ...rest }: Topic): string {
        return super.subject({ ...rest, name: Array.from(name).slice(0, 63).join('') })
      }
    },
    // Its client confirms two subscriptions of one subject once.
    ['messages: nasty names are nothing special'],
  ),
  changes('stores strings as JSON', 'messages: strings arrive as they left', ({ body, ...rest }) => ({
    ...rest,
    body: typeof body === 'string' ? asJson(body) : body,
  })),
  changes('ends strings at NUL', 'messages: strings arrive as they left', ({ body, ...rest }) => ({
    ...rest,
    body: typeof body === 'string' ? body.replace(/\0.*/s, '') : body,
  })),
  changes('drops the mark in front of bytes', 'messages: bytes arrive as bytes', ({ body, ...rest }) => ({
    ...rest,
    body: typeof body !== 'string' && body[0] === 0xef && body[1] === 0xbb ? body.subarray(3) : body,
  })),
  changes(
    'drops headers with NUL',
    'messages: headers travel, also unknown ones',
    changesHeaders(([, value]) => (value.includes('\0') ? undefined : value)),
  ),
  changes(
    'drops headers whose names are not ASCII',
    'messages: headers travel, also unknown ones',
    changesHeaders(([name, value]) => (/^[ -~]*$/.test(name) ? value : undefined)),
  ),
  changes(
    'trims the values of headers',
    'messages: headers travel, also unknown ones',
    changesHeaders(([, value]) => value.trim()),
  ),
  liar(
    'refuses what has more than 8,000 bytes',
    'messages: any size arrives whole, or is refused with PayloadTooLargeError',
    class extends HonestTransport {
      override publish(key: EventKey, message: Message): Promise<void> {
        if (Buffer.byteLength(message.body) <= 8_000) return super.publish(key, message)
        return Promise.reject(new PayloadTooLargeError('the broker takes 8,000 bytes'))
      }
    },
    [mixedOrder, keptOrder],
  ),
  liar(
    'encodes what it was given later',
    asItIs,
    class extends HonestTransport {
      override async publish(key: EventKey, message: Message): Promise<void> {
        await Promise.resolve()
        await super.publish(key, message)
      }
    },
    [keptOrder],
  ),
  liar(
    'sends equal messages of one tick once',
    'delivery: equal messages are delivered as often as they were published',
    class extends HonestTransport {
      private readonly sending = new Map<string, Promise<void>>()
      override publish(key: EventKey, message: Message): Promise<void> {
        const address = JSON.stringify([key, message])
        const sending = this.sending.get(address) ?? super.publish(key, message)
        this.sending.set(address, sending)
        sending.finally(() => this.sending.delete(address)).catch(() => {})
        return sending
      }
    },
  ),
  liar(
    'sends what is large by another way',
    mixedOrder,
    class extends HonestTransport {
      override async publish(key: EventKey, message: Message): Promise<void> {
        if (message.body.length > 20_000) await turns(3)
        await super.publish(key, message)
      }
    },
    [asItIs],
  ),
  liar(
    'decodes bytes later than strings',
    mixedOrder,
    class extends HonestTransport {
      protected override deliver(key: EventKey, message: Message): void {
        if (typeof message.body === 'string') super.deliver(key, message)
        else void turns(3).then(() => super.deliver(key, message))
      }
    },
    [asItIs],
  ),
  liar(
    'sends what it has rejected while it was down',
    onlyOnce,
    class extends Watching {
      override async publish(key: EventKey, message: Message): Promise<void> {
        const sent = super.publish(key, message)
        if (this.closed || this.up || !this.wasUp) return sent
        sent.catch(() => {})
        throw new ConnectionError('the connection is down')
      }
    },
  ),
  liar(
    'says of what was sent and not answered that it was not sent',
    onlyOnce,
    class extends Watching {
      protected override ourError(error: ToyError): Error {
        return error.code === 'LOST' && !this.closed ? new ConnectionError('gone') : super.ourError(error)
      }
    },
    [frozen, keptAcross],
  ),
  liar(
    'sends first what was asked for last while it was down',
    onlyOnce,
    class extends Watching {
      private readonly held: (() => void)[] = []
      override async publish(key: EventKey, message: Message): Promise<void> {
        if (this.wasUp && !this.up && !this.closed) await new Promise<void>((resolve) => this.held.push(resolve))
        await super.publish(key, message)
      }
      protected override told(up: boolean): void {
        super.told(up)
        if (up) for (const send of this.held.splice(0).reverse()) send()
      }
      override async close(): Promise<void> {
        await super.close()
        for (const send of this.held.splice(0)) send()
      }
    },
    [stopped],
  ),
  liar(
    'says of what close has cut off that it was accepted',
    beforeClose,
    class extends Watching {
      override publish(key: EventKey, message: Message): Promise<void> {
        const before = !this.closed
        return super.publish(key, message).catch((error: unknown) => {
          if (!this.closed || !before) throw error
        })
      }
    },
  ),
  liar(
    'sends what it has rejected with ClosedError',
    beforeClose,
    class extends Watching {
      private end = (): void => {}
      private readonly ended = new Promise<never>((_, reject) => {
        this.end = () => reject(new ClosedError())
      })
      constructor(client: ToyClient) {
        super(client)
        this.ended.catch(() => {})
      }
      protected override ours<T>(answer: Promise<T>): Promise<T> {
        return Promise.race([this.ended, super.ours(answer)])
      }
      override close(): Promise<void> {
        this.closed = true
        this.client.removeAllListeners()
        this.end()
        void turns(80).then(() => super.close())
        return Promise.resolve()
      }
    },
    [closedWhileDown],
  ),
  liar(
    'lets each tenth message be overtaken',
    'order: each publisher is heard in its order, over all ids of a name',
    class extends HonestTransport {
      private count = 0
      override async publish(key: EventKey, message: Message): Promise<void> {
        if (++this.count % 10 === 0) await turns(3)
        await super.publish(key, message)
      }
    },
    [mixedOrder, onlyOnce],
  ),
  liar(
    'swallows a refused publish',
    'refusal: a forbidden topic: publish rejects with ForbiddenError',
    class extends HonestTransport {
      override publish(key: EventKey, message: Message): Promise<void> {
        return super.publish(key, message).catch((error: unknown) => {
          if (!(error instanceof ForbiddenError)) throw error
        })
      }
    },
  ),
  liar(
    'never settles a publish that an interruption meets',
    'interruption: a publish across an interruption settles, and what comes after it arrives',
    class extends Watching {
      override publish(key: EventKey, message: Message): Promise<void> {
        return super.publish(key, message).catch((error: unknown) => {
          if (error instanceof UncertainError && !this.closed) return never()
          throw error
        })
      }
    },
    [onlyOnce, frozen],
  ),
  liar(
    'never settles a publish that close meets',
    beforeClose,
    class extends Watching {
      override publish(key: EventKey, message: Message): Promise<void> {
        return super.publish(key, message).catch((error: unknown) => {
          if (error instanceof UncertainError && this.closed) return never()
          throw error
        })
      }
    },
    [frozenClose],
  ),
  liar(
    'publishes only after connect',
    'lifecycle: publish and subscribe connect by themselves',
    class extends Watching {
      private asked = false
      override connect(): Promise<void> {
        this.asked = true
        return super.connect()
      }
      override async publish(key: EventKey, message: Message): Promise<void> {
        if (!this.asked && !this.up && !this.closed) throw new ConnectionError('call connect first')
        await super.publish(key, message)
      }
    },
    [mixedOrder, beforeClose, asItIs],
  ),
]
