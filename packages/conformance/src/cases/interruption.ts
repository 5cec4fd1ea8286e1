import type { EventKey, Message } from 'server-events'
import type { Case } from '../case'
import type { Peer } from '../peer'
import { event, sameKey } from '../stage'
import { Attempts } from '../support/attempts'
import { show } from '../support/show'
import { topicOf } from '../support/topics'
import { isPending, turn } from '../support/waiting'

const key = { name: 'report', id: '1' }
const other = { name: 'other', id: '1' }
const needs = ['interrupt'] as const

export const interruption: readonly Case[] = [
  {
    title: 'it is told: down and up again, strictly alternating, on both sides',
    contract: 'Receiver.state',
    needs,
    run: async (stage) => {
      const subscriber = stage.peer()
      const topic = topicOf(subscriber, key)
      await stage.subscribe(subscriber, topic)
      const publisher = await stage.publisher()
      for (let times = 2; times <= 3; times++) {
        await stage.interrupt()
        await untilUp(subscriber, 'outputStore', times)
        // Some clients find out when they are used.
        await stage.send(publisher, key, event('again'))
        await untilUp(publisher, 'inputStore', times)
        await stage.hears(subscriber, topic)
      }
      for (const peer of [subscriber, publisher]) {
        for (const store of ['inputStore', 'outputStore'] as const) {
          const told = peer.states(store)
          stage.check(
            told.every((up, index) => up === (index % 2 === 0)),
            () => `told of ${store}: ${told.map((up) => (up ? 'up' : 'down')).join(', ')}`,
          )
        }
      }

      async function untilUp(peer: Peer, store: 'inputStore' | 'outputStore', times: number): Promise<void> {
        await stage.eventually(() => peer.ups(store) >= times, {
          else: () =>
            `interrupted, and ${store} was never told to be up again: it was told ${show(peer.states(store))}`,
        })
      }
    },
  },
  {
    title: 'outputStore is up when the desired topics are restored',
    contract: 3,
    needs,
    run: async (stage) => {
      const subscriber = stage.peer()
      const keys = Array.from({ length: 30 }, (_, index) => ({ name: `report ${index}`, id: '1' }))
      // Only one at first, then all of them.
      await stage.subscribe(subscriber, topicOf(subscriber, keys[0] ?? key))
      const publisher = await stage.publisher()
      for (let round = 0; round < 4; round++) {
        if (round === 2) await stage.subscribe(subscriber, ...keys.slice(1).map((one) => topicOf(subscriber, one)))
        const desired = round < 2 ? keys.slice(0, 1) : keys
        const message = event(`at up ${round}`)
        let sent: Promise<unknown> | undefined
        subscriber.onState = (store, up) => {
          if (store !== 'outputStore' || !up || sent) return
          sent = Promise.all(desired.map((one) => stage.send(publisher, one, message)))
          // Until it is awaited nobody else looks at it.
          sent.catch(() => {})
        }
        await stage.interrupt()
        await stage.eventually(() => sent !== undefined, {
          else: () => 'interrupted, and outputStore was never up again',
        })
        await sent
        const missed = (): EventKey | undefined =>
          desired.find(
            (one) => !subscriber.heard.some((heard) => sameKey(heard.key, one) && heard.message.body === message.body),
          )
        await stage.eventually(() => missed() === undefined, {
          else: () =>
            `said that outputStore is up, and missed a message for ${show(missed())} that was published after`,
        })
      }
    },
  },
  {
    title: 'after it each message arrives once, and none again that had arrived before',
    contract: 'Receiver.deliver',
    needs,
    run: async (stage) => {
      const subscriber = stage.peer()
      const topics = [key, other].map((one) => topicOf(subscriber, one))
      await stage.subscribe(subscriber, ...topics)
      const publisher = await stage.publisher()
      const messages: Message[] = []
      for (let round = 0; round < 3; round++) {
        for (const one of [key, other]) {
          const message = event(`${one.name} of round ${round}`)
          messages.push(message)
          await stage.send(publisher, one, message)
          await stage.arrived(subscriber, message)
        }
        const ups = subscriber.ups('outputStore')
        await stage.interrupt()
        await stage.eventually(() => subscriber.ups('outputStore') > ups, {
          else: () => 'interrupted, and outputStore was never up again',
        })
        await stage.hears(subscriber, ...topics)
        await stage.sentinel(publisher, key, subscriber)
        await stage.sentinel(publisher, other, subscriber)
      }
      for (const { body } of messages)
        stage.equal(
          subscriber.heard.filter(({ message }) => message.body === body).length,
          1,
          `copies of ${show(body)}`,
        )
    },
  },
  {
    title: 'one that comes while it is being repaired is one more, and heals as well',
    contract: 3,
    needs,
    run: async (stage) => {
      const subscriber = stage.peer()
      const topics = [key, other].map((one) => topicOf(subscriber, one))
      await stage.subscribe(subscriber, ...topics)
      const publisher = await stage.publisher()
      for (let times = 0; times < 12; times++) {
        await stage.interrupt()
        // In the midst of it, whatever is its midst.
        for (let turns = 0; turns < 3 * times; turns++) await turn()
      }
      await stage.eventually(() => subscriber.states('outputStore').at(-1) === true, {
        else: () => 'interrupted several times in succession, and outputStore was never up again',
      })
      await stage.hears(subscriber, ...topics)
      await stage.sentinel(publisher, key, subscriber)
    },
  },
  {
    title: 'what rejects with ConnectionError is never heard, and the rest in its order',
    contract: 'Transport.publish',
    needs,
    run: async (stage) => {
      // Of a transport that hears itself: what it publishes when it is up again it hears as well.
      const peer = stage.peer()
      const topic = topicOf(peer, key)
      await stage.subscribe(peer, topic)
      await stage.value('connect()', peer.transport.connect())
      const attempts = new Attempts(stage)
      let count = 0
      const publish = (): void => {
        for (let times = 0; times < 5; times++)
          attempts.publish(peer, key, event(`across ${String(++count).padStart(3, '0')}`))
      }
      peer.onState = publish
      for (let round = 0; round < 4; round++) {
        // Under way, on its way back, not yet gone, and while it is down.
        publish()
        for (let turns = 0; turns < round; turns++) await turn()
        publish()
        await stage.interrupt()
        publish()
        await turn()
        publish()
        await attempts.settle('across an interruption', 'ERR_CONNECTION', 'ERR_UNCERTAIN')
        await stage.hears(peer, topic)
        await stage.sentinel(peer, key, peer)
        await attempts.neverHeard(peer)
      }
      // Of what was sent again a second copy may come: the first ones have an order.
      const first = [...new Set(peer.bodies.filter((body) => body.includes('across')))]
      stage.equal(first, [...first].sort(), 'of what was published one after the other, delivered')
    },
  },
  {
    title: 'closed while it is down, it stays down and is silent',
    contract: 'Transport.close',
    needs,
    run: async (stage) => {
      const subscriber = stage.peer()
      const topic = topicOf(subscriber, key)
      await stage.subscribe(subscriber, topic)
      const witness = await stage.subscriber(topic)
      const down = subscriber.next('outputStore', false)
      const attempts = new Attempts(stage)
      await stage.interrupt()
      await stage.value("state('outputStore', false) after an interruption", down)
      attempts.publish(subscriber, key, event('while down'))
      const pending = subscriber.transport.subscribe(topicOf(subscriber, other))
      const subscribed = stage.resolvesOr(['ERR_CLOSED'], 'subscribe() that was pending at close()', pending)
      subscribed.catch(() => {})
      await stage.value('close() while down', subscriber.transport.close())
      const told = subscriber.log.length
      await subscribed
      await attempts.settle('that was pending at close()', 'ERR_CLOSED', 'ERR_UNCERTAIN', 'ERR_CONNECTION')
      await stage.hears(witness, topic)
      await stage.interrupt()
      await stage.hears(witness, topic)
      await attempts.neverHeard(witness)
      stage.equal(subscriber.log.slice(told), [], 'told after close()')
    },
  },
  {
    title: 'a subscribe across an interruption settles in the new connection, before outputStore is up',
    contract: 1,
    needs,
    run: async (stage) => {
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, topicOf(subscriber, key))
      const down = subscriber.next('outputStore', false)
      const [early, late] = ['called before the cut', 'called while down'].map((name) =>
        topicOf(subscriber, { name, id: '1' }),
      )
      const first = stage.value(
        'subscribe() called before an interruption',
        subscriber.transport.subscribe(early ?? key),
      )
      first.catch(() => {})
      await stage.interrupt()
      await stage.value("state('outputStore', false) after an interruption", down)
      const alreadyUp = subscriber.states('outputStore').at(-1) === true
      const up = alreadyUp ? Promise.resolve() : subscriber.next('outputStore', true)
      const second = subscriber.transport.subscribe(late ?? key)
      const pending = isPending(second)
      await stage.value("state('outputStore', true) after an interruption", up)
      // What settled before that has had its reactions by now.
      await turn()
      stage.check(
        alreadyUp || !pending(),
        'said that outputStore is up while a subscribe called before that was still pending',
      )
      await first
      await stage.value('subscribe() called while down', second)
      await stage.hears(subscriber, early ?? key, late ?? key)
    },
  },
  {
    title: 'unsubscribe while down settles at once, and the topic is not restored',
    contract: 2,
    needs,
    run: async (stage) => {
      const subscriber = stage.peer()
      const [topic, otherTopic] = [topicOf(subscriber, key), topicOf(subscriber, other)]
      await stage.subscribe(subscriber, topic, otherTopic)
      const witness = await stage.subscriber(topic)
      const publisher = await stage.publisher()
      const down = subscriber.next('outputStore', false)
      const ups = subscriber.ups('outputStore')
      await stage.interrupt()
      await stage.value("state('outputStore', false) after an interruption", down)
      await stage.value('unsubscribe() while down', subscriber.transport.unsubscribe(topic))
      await stage.eventually(() => subscriber.ups('outputStore') > ups, {
        else: () => 'interrupted, and outputStore was never up again',
      })
      await stage.hears(subscriber, otherTopic)
      await stage.hears(witness, topic)
      await stage.sentinel(publisher, key, witness)
      await stage.sentinel(publisher, other, subscriber)
      const heard = subscriber.heard.filter(({ key: { name } }) => name === key.name).length
      stage.equal(heard, 0, 'messages of a topic that was unsubscribed while down, delivered')
    },
  },
  {
    title: 'a publish across an interruption settles, and what comes after it arrives',
    contract: 'Transport.publish',
    needs,
    run: async (stage) => {
      const subscriber = stage.peer()
      const topic = topicOf(subscriber, key)
      await stage.subscribe(subscriber, topic)
      const publisher = await stage.publisher()
      const across: Promise<void>[] = []
      const publish = (which: string): void => {
        for (let index = 0; index < 5; index++) {
          const promise = publisher.transport.publish(key, event(`${which} ${index}`))
          promise.catch(() => {})
          across.push(promise)
        }
      }
      publisher.onState = (store, up) => {
        if (store === 'inputStore' && !up) publish('while down')
      }
      publish('before the cut')
      await stage.interrupt()
      publish('after the cut')
      await stage.send(publisher, key, event('afterwards'))
      for (const promise of across)
        await stage.resolvesOr(['ERR_CONNECTION', 'ERR_UNCERTAIN'], 'publish() across an interruption', promise)
      await stage.hears(subscriber, topic)
      await stage.sentinel(publisher, key, subscriber)
    },
  },
]
