import type { Case } from '../case'
import type { Peer } from '../peer'
import { event, show } from '../stage'
import { topicOf } from './topics'

const key = { name: 'report', id: '1' }
const other = { name: 'other', id: '1' }
const needs = ['interrupt'] as const

function isPending(promise: Promise<unknown>): () => boolean {
  let pending = true
  const settled = (): void => {
    pending = false
  }
  promise.then(settled, settled)
  return () => pending
}

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
      await stage.subscribe(subscriber, topicOf(subscriber, key))
      const publisher = await stage.publisher()
      for (let round = 0; round < 3; round++) {
        const message = event(`at up ${round}`)
        let sent: Promise<void> | undefined
        subscriber.onState = (store, up) => {
          if (store !== 'outputStore' || !up || sent) return
          sent = stage.send(publisher, key, message)
          // Until it is awaited nobody else looks at it.
          sent.catch(() => {})
        }
        await stage.interrupt()
        await stage.eventually(() => sent !== undefined, {
          else: () => 'interrupted, and outputStore was never up again',
        })
        await sent
        await stage.eventually(() => subscriber.heard.some(({ message: { body } }) => body === message.body), {
          else: () => `said that outputStore is up, and missed a message that was published after that`,
        })
      }
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
      await new Promise(setImmediate)
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
