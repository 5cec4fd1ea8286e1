import type { Case } from '../case'
import { event } from '../stage'
import { show } from '../support/show'
import { topicOf } from '../support/topics'

export const subscription: readonly Case[] = [
  {
    title: 'once subscribe has resolved, nothing is missed',
    contract: 1,
    run: async (stage) => {
      const subscriber = stage.peer()
      const publisher = await stage.publisher()
      for (let round = 0; round < 10; round++) {
        // Two at once: the second one must not be told that it stands because the first one is on its way.
        const attempts = ['a', 'b'].map(async (letter) => {
          const key = { name: `${letter}${round}`, id: '1' }
          const topic = topicOf(subscriber, key)
          await stage.value(`subscribe(${show(topic)})`, subscriber.transport.subscribe(topic))
          await stage.send(publisher, key, event(key.name))
          return key.name
        })
        for (const name of await Promise.all(attempts)) {
          await stage.eventually(() => subscriber.heard.some(({ key }) => key.name === name), {
            else: () => `subscribe of ${show(name)} resolved, but a message published after that was never delivered`,
          })
        }
      }
    },
  },
  {
    title: 'many topics at once all come to stand',
    contract: 1,
    run: async (stage) => {
      const subscriber = stage.peer()
      const topics = Array.from({ length: 150 }, (_, index) => topicOf(subscriber, { name: `many ${index}`, id: '1' }))
      await stage.value(
        `one of ${topics.length} subscribes in one tick`,
        Promise.all(topics.map((topic) => subscriber.transport.subscribe(topic))),
      )
      await stage.hears(subscriber, ...topics)
    },
  },
  {
    title: 'after unsubscribe nothing is delivered, and the topic can be subscribed again',
    contract: 2,
    run: async (stage) => {
      const [key, other] = [
        { name: 'report', id: '1' },
        { name: 'other', id: '1' },
      ]
      const subscriber = stage.peer()
      const [topic, otherTopic] = [topicOf(subscriber, key), topicOf(subscriber, other)]
      await stage.subscribe(subscriber, topic, otherTopic)
      const witness = await stage.subscriber(topic)
      const publisher = await stage.publisher()
      await stage.value(`unsubscribe(${show(topic)})`, subscriber.transport.unsubscribe(topic))
      await stage.sentinel(publisher, key, witness)
      await stage.sentinel(publisher, other, subscriber)
      stage.equal(
        subscriber.heard.filter(({ key: { name } }) => name === key.name).length,
        0,
        'delivered after unsubscribe',
      )
      await stage.subscribe(subscriber, topic)
      await stage.sentinel(publisher, key, subscriber)
    },
  },
  {
    title: 'unsubscribing one topic leaves the others',
    contract: 2,
    run: async (stage) => {
      const keys = ['a', 'b', 'c'].map((name) => ({ name, id: '1' }))
      const subscriber = stage.peer()
      const [a, ...others] = keys.map((key) => topicOf(subscriber, key))
      await stage.subscribe(subscriber, ...keys.map((key) => topicOf(subscriber, key)))
      await stage.value('unsubscribe()', subscriber.transport.unsubscribe(a ?? { name: 'a' }))
      await stage.hears(subscriber, ...others)
    },
  },
  {
    title: 'of two subscriptions that overlap, each stands without the other',
    contract: 2,
    needs: ['ids'],
    run: async (stage) => {
      const [wide, narrow] = [{ name: 'report' }, { name: 'report', id: '1' }]
      const [keepsNarrow, keepsWide] = [await stage.subscriber(wide, narrow), await stage.subscriber(wide, narrow)]
      await stage.value('unsubscribe() of the name', keepsNarrow.transport.unsubscribe(wide))
      await stage.value('unsubscribe() of the id', keepsWide.transport.unsubscribe(narrow))
      const publisher = await stage.publisher()
      await stage.send(publisher, { name: 'report', id: '2' }, event('of another id'))
      await stage.sentinel(publisher, narrow, keepsNarrow, keepsWide)
      stage.equal(keepsNarrow.heard.map(({ key }) => key.id).join(), '1', 'with only the id left, the ids delivered')
      stage.equal(keepsWide.heard.map(({ key }) => key.id).join(), '2,1', 'with only the name left, the ids delivered')
    },
  },
  {
    title: 'subscribed again and again, a topic delivers each message once',
    contract: 2,
    run: async (stage) => {
      const [key, other] = [
        { name: 'report', id: '1' },
        { name: 'other', id: '1' },
      ]
      const subscriber = stage.peer()
      const [topic, otherTopic] = [topicOf(subscriber, key), topicOf(subscriber, other)]
      for (let round = 0; round < 6; round++) {
        await stage.subscribe(subscriber, topic)
        await stage.value(`unsubscribe(${show(topic)})`, subscriber.transport.unsubscribe(topic))
        // Alone, and beside another one.
        if (round === 2) await stage.subscribe(subscriber, otherTopic)
      }
      await stage.subscribe(subscriber, topic)
      const publisher = await stage.publisher()
      for (const one of [key, other]) {
        const message = event(`once for ${one.name}`)
        await stage.send(publisher, one, message)
        await stage.sentinel(publisher, one, subscriber)
        stage.equal(subscriber.bodies.filter((body) => body === message.body).length, 1, 'copies of one message')
      }
    },
  },
  {
    title: 'after the only topic was unsubscribed nothing is delivered',
    contract: 2,
    run: async (stage) => {
      const key = { name: 'report', id: '1' }
      const subscriber = stage.peer()
      const topic = topicOf(subscriber, key)
      const witness = await stage.subscriber(topic)
      const publisher = await stage.publisher()
      for (let round = 0; round < 2; round++) {
        await stage.subscribe(subscriber, topic)
        await stage.value(`unsubscribe(${show(topic)})`, subscriber.transport.unsubscribe(topic))
        const missed = event(`while nothing is subscribed ${round}`)
        await stage.send(publisher, key, missed)
        await stage.arrived(witness, missed)
        await stage.subscribe(subscriber, topic)
        await stage.sentinel(publisher, key, subscriber)
        stage.equal(
          subscriber.bodies.filter((body) => body === missed.body).length,
          0,
          'messages delivered of those that were published while nothing was subscribed',
        )
        await stage.value(`unsubscribe(${show(topic)})`, subscriber.transport.unsubscribe(topic))
      }
    },
  },
]
