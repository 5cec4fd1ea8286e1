import { ConnectionError, ForbiddenError, UncertainError } from 'server-events'
import type { EventKey, Message, Topic } from 'server-events'
import { turns } from '@server-events/testing'
import { HonestTransport } from './honest-transport'
import { Watching, liar, never } from './liars'
import type { Liar } from './liars'

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
  )

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
    class extends HonestTransport {
      override publish(key: EventKey, message: Message): Promise<void> {
        return this.ours(this.client.publish(this.subject(key), JSON.stringify([key, this.encode(message)])))
      }
      protected override heard(subject: string, payload: string): void {
        const [key, inner] = JSON.parse(payload) as [EventKey, string]
        const { name } = key
        if (this.topics.has(subject) || this.topics.has(this.subject({ name }))) this.deliver(key, this.decode(inner))
      }
      protected override subject({ name, id }: Topic): string {
        if (id === undefined) return super.subject({ name })
        const joined = `${name}:${id}`
        const end = joined.lastIndexOf(':')
        return super.subject({ name: joined.slice(0, end), id: joined.slice(end + 1) })
      }
    },
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
  ),
  liar(
    'never settles a publish that close meets',
    'lifecycle: what is published just before close is accepted, or rejects',
    class extends Watching {
      override publish(key: EventKey, message: Message): Promise<void> {
        return super.publish(key, message).catch((error: unknown) => {
          if (error instanceof UncertainError && this.closed) return never()
          throw error
        })
      }
    },
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
  ),
]
