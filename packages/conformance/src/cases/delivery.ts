import type { Case } from '../case'
import { event, sameKey } from '../stage'
import { show } from '../support/show'
import { topicOf, topicsOf } from '../support/topics'

export const delivery: readonly Case[] = [
  {
    title: 'a transport hears its own messages',
    contract: 4,
    run: async (stage) => {
      const key = { name: 'report', id: '1' }
      const peer = stage.peer()
      await stage.subscribe(peer, topicOf(peer, key))
      const own = event('own')
      await stage.value('publish()', peer.transport.publish(key, own))
      await stage.arrived(peer, own)
    },
  },
  {
    title: 'deliver is never called inside publish or subscribe',
    contract: 4,
    run: async (stage) => {
      const key = { name: 'report', id: '1' }
      const peer = stage.peer()
      await stage.subscribe(peer, topicOf(peer, key))
      let inside: string | undefined
      let violation: string | undefined
      peer.onDeliver = () => {
        if (inside !== undefined) violation = `called deliver before ${inside} returned`
      }
      const { transport } = peer
      const calls: [call: string, make: () => Promise<void>][] = [
        ['publish()', () => transport.publish(key, event('own'))],
        ['subscribe()', () => transport.subscribe(topicOf(peer, { name: 'other', id: '1' }))],
      ]
      if (transport.keeper)
        calls.push(['keeper.publish()', () => stage.keeperOf(peer).publish(key, event('kept'), 60_000)])
      for (const [call, make] of calls) await stage.value(call, watched(call, make))
      stage.check(violation === undefined, () => String(violation))
      // From within deliver, as a listener that answers does.
      const answers: Promise<unknown>[] = []
      let answered = false
      peer.onDeliver = () => {
        if (inside !== undefined) violation = `called deliver before ${inside} returned`
        if (answered) return
        answered = true
        for (const [call, make] of calls) answers.push(stage.value(`${call} in deliver`, watched(call, make)))
      }
      await stage.sentinel(peer, key, peer)
      await Promise.all(answers)
      await stage.sentinel(peer, key, peer)
      stage.check(violation === undefined, () => `${String(violation)}, when it was called in deliver`)

      function watched(call: string, make: () => Promise<void>): Promise<void> {
        inside = call
        try {
          return make()
        } finally {
          inside = undefined
        }
      }
    },
  },
  {
    title: 'every subscriber gets each message once, whoever publishes',
    contract: 'Receiver.deliver',
    run: async (stage) => {
      const key = { name: 'report', id: '1' }
      const topic = topicOf(stage.peer(), key)
      const subscribers = [await stage.subscriber(topic), await stage.subscriber(topic)]
      const publishers = [await stage.publisher(), await stage.publisher()]
      const bodies: string[] = []
      for (const [index, publisher] of publishers.entries()) {
        for (const word of ['one', 'two']) {
          const message = event(`${word} of ${index}`)
          bodies.push(String(message.body))
          await stage.send(publisher, key, message)
        }
        await stage.sentinel(publisher, key, ...subscribers)
      }
      for (const { bodies: all } of subscribers) {
        stage.equal(all.filter((body) => !body.includes('sentinel')).sort(), bodies.sort(), 'delivered')
      }
    },
  },
  {
    title: 'only what is subscribed is delivered',
    contract: 'Transport.subscribe',
    run: async (stage) => {
      const key = { name: 'report', id: '1' }
      const subscriber = stage.peer()
      const topic = topicOf(subscriber, key)
      await stage.subscribe(subscriber, topic)
      const publisher = await stage.publisher()
      const others = [
        { name: 'mail', id: '1' },
        { name: 'reports', id: '1' },
        { name: 'repor', id: 't1' },
      ]
      if (topic.id !== undefined) others.push({ name: 'report', id: '2' }, { name: 'report', id: '11' })
      const witness = await stage.subscriber(...others.map((other) => topicOf(subscriber, other)))
      for (const other of others) {
        const message = event(`for ${show(other)}`)
        await stage.send(publisher, other, message)
        await stage.arrived(witness, message)
      }
      await stage.sentinel(publisher, key, subscriber)
      stage.equal(
        subscriber.heard.map((heard) => heard.key),
        [key],
        `subscribed ${show(topic)}, and delivered messages for`,
      )
    },
  },
  {
    title: 'a topic without id covers every id of its name',
    contract: 'Transport.subscribe',
    run: async (stage) => {
      const subscriber = await stage.subscriber({ name: 'report' })
      const publisher = await stage.publisher()
      for (const id of ['1', 'another', '*']) await stage.sentinel(publisher, { name: 'report', id }, subscriber)
      stage.equal(subscriber.heard.map(({ key }) => key.id).join(), '1,another,*', 'the ids that were delivered')
    },
  },
  {
    title: 'overlapping subscriptions deliver once',
    contract: 'Receiver.deliver',
    needs: ['ids'],
    run: async (stage) => {
      const key = { name: 'report', id: '1' }
      const narrowFirst = await stage.subscriber(key, { name: 'report' })
      const wideFirst = await stage.subscriber({ name: 'report' }, key)
      const publisher = await stage.publisher()
      await stage.send(publisher, key, event('once'))
      await stage.sentinel(publisher, { name: 'report', id: '2' }, narrowFirst, wideFirst)
      for (const { heard } of [narrowFirst, wideFirst]) {
        stage.equal(
          heard.filter(({ message }) => message.body === event('once').body).length,
          1,
          'copies of one message',
        )
      }
    },
  },
  {
    title: 'equal messages are delivered as often as they were published',
    contract: 'Receiver.deliver',
    run: async (stage) => {
      const keys = ['1', '2'].map((id) => ({ name: 'report', id }))
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, ...topicsOf(subscriber, keys))
      const publishers = [await stage.publisher(), await stage.publisher()]
      const alike = event('alike')
      const times = 3
      for (let tick = 0; tick < 2; tick++) {
        const published = publishers.flatMap(({ transport }) =>
          keys.flatMap((key) => Array.from({ length: times }, () => transport.publish(key, alike))),
        )
        await stage.value('publish() of equal messages in one tick', Promise.all(published))
      }
      for (const publisher of publishers) for (const key of keys) await stage.sentinel(publisher, key, subscriber)
      for (const key of keys) {
        const copies = subscriber.heard.filter((one) => sameKey(one.key, key) && one.message.body === alike.body)
        stage.equal(copies.length, 2 * times * publishers.length, `equal messages for ${show(key)}, delivered`)
      }
    },
  },
  {
    title: 'what was published before it was subscribed is not delivered',
    contract: 'Transport.subscribe',
    run: async (stage) => {
      const key = { name: 'report', id: '1' }
      const publisher = await stage.publisher()
      const subscriber = stage.peer()
      const topic = topicOf(subscriber, key)
      const witness = await stage.subscriber(topic)
      for (let times = 0; times < 2; times++) await stage.sentinel(publisher, key, witness)
      if (publisher.transport.keeper)
        await stage.value('keeper.publish()', stage.keeperOf(publisher).publish(key, event('kept before'), 60_000))
      await stage.subscribe(subscriber, topic)
      await stage.sentinel(publisher, key, subscriber)
      stage.equal(subscriber.heard.length, 1, 'published one message since it had subscribed, and delivered')
    },
  },
  {
    title: 'wants is asked anew for each message, with its key',
    contract: 'Receiver.wants',
    run: async (stage) => {
      const keys = ['1', '2'].map((id) => ({ name: 'report', id }))
      const [one, two] = [keys[0] ?? { name: '', id: '' }, keys[1] ?? { name: '', id: '' }]
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, ...topicsOf(subscriber, keys))
      const publisher = await stage.publisher()
      subscriber.asked.length = 0
      subscriber.wanted = ({ id }) => id === '2'
      await stage.send(publisher, one, event('not wanted'))
      await stage.sentinel(publisher, two, subscriber)
      subscriber.wanted = () => true
      await stage.sentinel(publisher, one, subscriber)
      subscriber.wanted = ({ id }) => id === '1'
      await stage.sentinel(publisher, one, subscriber)
      const wrong = subscriber.asked.find((key) => !keys.some((published) => sameKey(published, key)))
      stage.check(wrong === undefined, () => `asked wants(${show(wrong)}) where only ${show(keys)} are published`)
    },
  },
]
