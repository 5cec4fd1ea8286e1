import type { Case } from '../case'
import { event, show } from '../stage'
import { topicOf } from './topics'

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
      for (const [call, make] of calls) {
        inside = call
        const made = make()
        inside = undefined
        await stage.value(call, made)
      }
      stage.check(violation === undefined, () => String(violation))
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
]
