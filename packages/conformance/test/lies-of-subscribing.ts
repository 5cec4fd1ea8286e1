import { ConnectionError, ForbiddenError } from 'server-events'
import type { EventKey, Message, Receiver, Topic } from 'server-events'
import { turns } from '@server-events/testing'
import type { ToyClient } from '@server-events/testing'
import { HonestTransport } from './honest-transport'
import { Watching, liar, never } from './liars'
import type { Liar, World } from './liars'
import {
  closedWhileDown,
  frozen,
  frozenConnect,
  keptAcross,
  lookalikes,
  oneTick,
  onlyOnce,
  reentrant,
  stopped,
  stoppedClose,
} from './titles'

const sameName = (subject: string, other: string): boolean => subject.split('/')[0] === other.split('/')[0]

export const liesOfSubscribing: readonly Liar[] = [
  liar(
    'resolves subscribe before the broker has confirmed it',
    'subscription: once subscribe has resolved, nothing is missed',
    class extends Watching {
      override async subscribe(topic: Topic): Promise<void> {
        const confirmed = super.subscribe(topic)
        // Refusals come sooner.
        await (this.up ? Promise.race([confirmed, turns(4)]) : confirmed)
        confirmed.catch(() => {})
      }
    },
    [frozenConnect],
  ),
  liar(
    'subscribes no more than 50 topics in a tick',
    'subscription: many topics at once all come to stand',
    class extends HonestTransport {
      private inThisTick = 0
      override async subscribe(topic: Topic): Promise<void> {
        if (++this.inThisTick > 50) return
        void turns(1).then(() => (this.inThisTick = 0))
        await super.subscribe(topic)
      }
    },
  ),
  liar(
    'ignores unsubscribe while another name stands',
    'subscription: after unsubscribe nothing is delivered, and the topic can be subscribed again',
    class extends Watching {
      override async unsubscribe(topic: Topic): Promise<void> {
        const others = [...this.topics].some((subject) => !sameName(subject, this.subject(topic)))
        if (!this.up || !others) await super.unsubscribe(topic)
      }
    },
  ),
  liar(
    'unsubscribes all of three topics',
    'subscription: unsubscribing one topic leaves the others',
    class extends HonestTransport {
      override async unsubscribe(topic: Topic): Promise<void> {
        if (this.topics.size === 3) for (const subject of this.topics) await this.client.unsubscribe(subject)
        await super.unsubscribe(topic)
      }
    },
  ),
  liar(
    'unsubscribes the ids of a name with the name',
    'subscription: of two subscriptions that overlap, each stands without the other',
    class extends HonestTransport {
      override async unsubscribe(topic: Topic): Promise<void> {
        if (topic.id === undefined)
          for (const subject of this.topics) if (sameName(subject, this.subject(topic))) this.topics.delete(subject)
        await super.unsubscribe(topic)
      }
    },
  ),
  liar(
    'delivers synchronously inside publish',
    reentrant,
    class extends HonestTransport {
      private readonly early: string[] = []
      override publish(key: EventKey, message: Message): Promise<void> {
        const payload = this.encode(message)
        if (this.topics.has(this.subject(key))) {
          this.early.push(payload)
          this.deliver(key, message)
        }
        return super.publish(key, message)
      }
      protected override heard(subject: string, payload: string): void {
        if (!this.early.includes(payload)) super.heard(subject, payload)
      }
    },
    [stopped],
  ),
  liar(
    'does not hear itself',
    'delivery: a transport hears its own messages',
    class extends HonestTransport {
      private readonly own: string[] = []
      override publish(key: EventKey, message: Message): Promise<void> {
        this.own.push(this.encode(message))
        return super.publish(key, message)
      }
      protected override heard(subject: string, payload: string): void {
        if (!this.own.includes(payload)) super.heard(subject, payload)
      }
    },
    [reentrant, onlyOnce, keptAcross, frozen, stopped],
  ),
  liar(
    'gives the second subscriber of an id two copies',
    'delivery: every subscriber gets each message once, whoever publishes',
    class extends HonestTransport {
      private isSecond = false
      constructor(
        client: ToyClient,
        private readonly world: World,
      ) {
        super(client)
      }
      override async subscribe(topic: Topic): Promise<void> {
        if (this.topics.size === 0) this.isSecond = this.world.cleanup.length > 0 && topic.id !== undefined
        this.world.cleanup.push(() => {})
        await super.subscribe(topic)
      }
      protected override deliver(key: EventKey, message: Message): void {
        super.deliver(key, message)
        if (this.isSecond && this.topics.size === 1) super.deliver(key, message)
      }
    },
    ['delivery: what was published before it was subscribed is not delivered'],
  ),
  liar(
    'takes an id for the beginning of ids',
    'delivery: only what is subscribed is delivered',
    class extends HonestTransport {
      private readonly asked = new Set<string>()
      override async subscribe(topic: Topic): Promise<void> {
        await super.subscribe(topic)
        const whole = this.subject({ name: topic.name })
        if (this.topics.has(whole) || this.asked.has(whole)) return
        this.asked.add(whole)
        await this.client.subscribe(whole)
      }
      protected override heard(subject: string, payload: string): void {
        const begins = !this.topics.has(subject) && [...this.topics].some((topic) => subject.startsWith(topic))
        if (begins) this.topics.add(subject)
        super.heard(subject, payload)
        if (begins) this.topics.delete(subject)
      }
    },
    [lookalikes],
  ),
  liar(
    "leaves the id '*' out of a name",
    'delivery: a topic without id covers every id of its name',
    class extends HonestTransport {
      protected override deliver(key: EventKey, message: Message): void {
        if (key.id !== '*' || this.topics.has(this.subject(key))) super.deliver(key, message)
      }
    },
  ),
  liar(
    'delivers twice with overlapping topics',
    'delivery: overlapping subscriptions deliver once',
    class extends HonestTransport {
      protected override deliver(key: EventKey, message: Message): void {
        for (const topic of [key, { name: key.name }])
          if (this.topics.has(this.subject(topic))) super.deliver(key, message)
      }
    },
  ),
  liar(
    'is up before its only topic is restored',
    'interruption: outputStore is up when the desired topics are restored',
    class extends Watching {
      private early = false
      override attach(receiver: Receiver): void {
        super.attach(receiver)
        this.client.on('open', () => {
          this.early = this.wasUp && this.topics.size === 1
          if (this.early) super.told(true)
        })
      }
      protected override told(up: boolean): void {
        if (!up || !this.early) super.told(up)
      }
    },
  ),
  liar(
    'is up twice after an interruption',
    'interruption: it is told: down and up again, strictly alternating, on both sides',
    class extends Watching {
      protected override told(up: boolean): void {
        if (up && this.wasUp) super.told(up)
        super.told(up)
      }
    },
    'Receiver.state',
  ),
  liar(
    'rejects a subscribe that meets an interruption',
    'interruption: a subscribe across an interruption settles in the new connection, before outputStore is up',
    class extends Watching {
      override async subscribe(topic: Topic): Promise<void> {
        const down = new ConnectionError('down')
        if (this.wasUp && !this.up) throw down
        await Promise.race([
          super.subscribe(topic),
          new Promise((_, reject) => this.client.once('disconnect', () => reject(down))),
        ])
      }
    },
    [closedWhileDown, frozenConnect],
  ),
  liar(
    'restores what was unsubscribed while it was down',
    'interruption: unsubscribe while down settles at once, and the topic is not restored',
    class extends Watching {
      override async unsubscribe(topic: Topic): Promise<void> {
        if (this.up) await super.unsubscribe(topic)
      }
    },
  ),
  liar(
    'never settles a refused subscribe',
    'refusal: a forbidden topic: subscribe rejects with ForbiddenError, in bounded time',
    class extends HonestTransport {
      override subscribe(topic: Topic): Promise<void> {
        return super.subscribe(topic).catch((error: unknown) => {
          if (error instanceof ForbiddenError) return never()
          throw error
        })
      }
    },
  ),
  liar(
    'calls a refused subscribe a lost connection',
    'refusal: a forbidden topic: subscribe rejects with ForbiddenError, in bounded time',
    class extends HonestTransport {
      override subscribe(topic: Topic): Promise<void> {
        return super.subscribe(topic).catch((error: unknown) => {
          throw error instanceof ForbiddenError ? new ConnectionError(error.message) : error
        })
      }
    },
  ),
  liar(
    'reports a refusal as an interruption',
    'refusal: a refusal is no interruption, and the other topics stand',
    class extends HonestTransport {
      override subscribe(topic: Topic): Promise<void> {
        return super.subscribe(topic).catch((error: unknown) => {
          if (error instanceof ForbiddenError) for (const up of [false, true]) this.told(up)
          throw error
        })
      }
    },
  ),
  liar(
    'keeps to itself that a topic is lost',
    'refusal: a topic that stood and is not allowed again is lost, once, before outputStore is up',
    class extends HonestTransport {
      protected override denied(subject: string): void {
        this.topics.delete(subject)
      }
    },
  ),
  liar(
    'takes a message like the one before for its copy',
    'delivery: equal messages are delivered as often as they were published',
    class extends HonestTransport {
      private last = ''
      protected override heard(subject: string, payload: string): void {
        if (this.last !== subject + payload) super.heard(subject, payload)
        this.last = subject + payload
      }
    },
    [oneTick],
  ),
  liar(
    'begins with what was published last',
    'delivery: what was published before it was subscribed is not delivered',
    class extends HonestTransport {
      constructor(
        client: ToyClient,
        private readonly world: World,
      ) {
        super(client)
      }
      override publish(key: EventKey, message: Message): Promise<void> {
        this.world.retained.set(this.subject(key), this.encode(message))
        return super.publish(key, message)
      }
      override async subscribe(topic: Topic): Promise<void> {
        const isFirst = this.topics.size === 0
        await super.subscribe(topic)
        const last = this.world.retained.get(this.subject(topic))
        if (isFirst && last !== undefined) super.heard(this.subject(topic), last)
      }
    },
    ['subscription: after the only topic was unsubscribed nothing is delivered'],
  ),
  liar(
    'remembers what was not wanted',
    'delivery: wants is asked anew for each message, with its key',
    class extends HonestTransport {
      private readonly unwanted = new Set<string>()
      protected override deliver(key: EventKey, message: Message): void {
        const subject = this.subject(key)
        if (this.receiver?.wants(key) !== true) this.unwanted.add(subject)
        if (!this.unwanted.has(subject)) super.deliver(key, message)
      }
    },
  ),
  liar(
    'asks whether a name is wanted',
    'delivery: wants is asked anew for each message, with its key',
    class extends HonestTransport {
      protected override deliver(key: EventKey, message: Message): void {
        this.receiver?.wants({ name: key.name, id: '' })
        super.deliver(key, message)
      }
    },
  ),
  liar(
    'delivers in publish what a listener publishes',
    reentrant,
    class extends HonestTransport {
      private delivering = false
      private readonly early: string[] = []
      override publish(key: EventKey, message: Message): Promise<void> {
        const payload = this.encode(message)
        if (this.delivering && this.topics.has(this.subject(key))) {
          this.early.push(payload)
          super.deliver(key, message)
        }
        return super.publish(key, message)
      }
      protected override deliver(key: EventKey, message: Message): void {
        this.delivering = true
        super.deliver(key, message)
        this.delivering = false
      }
      protected override heard(subject: string, payload: string): void {
        if (!this.early.includes(payload)) super.heard(subject, payload)
      }
    },
  ),
  liar(
    'adds a listener with each subscribe',
    'subscription: subscribed again and again, a topic delivers each message once',
    class extends HonestTransport {
      private readonly listeners = new Map<string, number>()
      override subscribe(topic: Topic): Promise<void> {
        const subject = this.subject(topic)
        this.listeners.set(subject, (this.listeners.get(subject) ?? 0) + 1)
        return super.subscribe(topic)
      }
      protected override deliver(key: EventKey, message: Message): void {
        for (let times = this.listeners.get(this.subject(key)) ?? 1; times > 0; times--) super.deliver(key, message)
      }
    },
  ),
  liar(
    'ignores unsubscribe of its only topic',
    'subscription: after the only topic was unsubscribed nothing is delivered',
    class extends Watching {
      override async unsubscribe(topic: Topic): Promise<void> {
        if (!this.up || this.topics.size > 1) await super.unsubscribe(topic)
      }
    },
  ),
  liar(
    'is up when the first of many topics is restored',
    'interruption: outputStore is up when the desired topics are restored',
    class extends Watching {
      private early = false
      override attach(receiver: Receiver): void {
        super.attach(receiver)
        this.client.on('open', () => {
          this.early = this.wasUp && this.topics.size > 10
          if (this.early) super.told(true)
        })
      }
      protected override told(up: boolean): void {
        if (!up || !this.early) super.told(up)
      }
    },
  ),
  liar(
    'subscribes twice after an interruption',
    'interruption: after it each message arrives once, and none again that had arrived before',
    class extends Watching {
      private ups = 0
      protected override told(up: boolean): void {
        if (up) this.ups++
        super.told(up)
      }
      protected override deliver(key: EventKey, message: Message): void {
        super.deliver(key, message)
        if (this.ups > 1) super.deliver(key, message)
      }
    },
  ),
  liar(
    'hears the last message again when it is up again',
    'interruption: after it each message arrives once, and none again that had arrived before',
    class extends Watching {
      private last: readonly [key: EventKey, message: Message] | undefined
      protected override deliver(key: EventKey, message: Message): void {
        this.last = [key, message]
        super.deliver(key, message)
      }
      protected override told(up: boolean): void {
        super.told(up)
        if (up && this.last) super.deliver(...this.last)
      }
    },
  ),
  liar(
    'gives up when it is cut while it connects again',
    'interruption: one that comes while it is being repaired is one more, and heals as well',
    class extends Watching {
      override attach(receiver: Receiver): void {
        super.attach(receiver)
        let opening = false
        this.client.on('ready', () => (opening = false))
        this.client.on('open', () => {
          if (opening && this.wasUp) this.client.removeAllListeners()
          opening = true
        })
      }
    },
  ),
  liar(
    'is up again after it was closed while down',
    closedWhileDown,
    class extends Watching {
      override async close(): Promise<void> {
        const down = this.wasUp && !this.up
        await super.close()
        if (down) void turns(40).then(() => this.told(true))
      }
    },
  ),
  liar(
    'hangs when it is closed while down',
    closedWhileDown,
    class extends Watching {
      override async close(): Promise<void> {
        const down = this.wasUp && !this.up
        await super.close()
        if (down) await never()
      }
    },
    [stoppedClose],
  ),
]
