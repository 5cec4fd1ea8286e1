import type { Message } from 'server-events'
import type { Case } from '../case'
import { event } from '../stage'
import { topicOf } from '../support/topics'

const name = 'report'

/** Numbered, and each as different from the one before as can be. */
function mixed(): Message[] {
  const sizes = [60_000, 1, 9_000, 1, 30_000, 200, 60_000, 0]
  return sizes.flatMap((size, index): Message[] => {
    const [first, second, third] = [0, 1, 2].map((offset) => String(3 * index + offset).padStart(3, '0'))
    return [
      { kind: 'event', body: `${first} ${'x'.repeat(size)}` },
      { kind: 'event', body: Buffer.from(`${second} ${'\xff'.repeat(size)}`, 'latin1') },
      { kind: 'failure', body: `${third} ${'x'.repeat(size)}`, headers: { traceparent: 'x'.repeat(size % 500) } },
    ]
  })
}

function numberOf(body: string): number {
  return Number(body.slice(0, 3))
}

export const order: readonly Case[] = [
  {
    title: 'each publisher is heard in its order, over all ids of a name',
    contract: 5,
    run: async (stage) => {
      const ids = ['1', '2', '3']
      const subscriber = await stage.subscriber({ name })
      const publishers = [await stage.publisher(), await stage.publisher()]
      const count = 150
      const sent: Promise<void>[] = []
      for (let index = 0; index < count; index++) {
        for (const [publisher, peer] of publishers.entries()) {
          const message = event(`${publisher} ${String(index).padStart(3, '0')}`)
          const one = stage.send(peer, { name, id: ids[index % ids.length] ?? '' }, message)
          // Until all are awaited nobody else looks at it.
          one.catch(() => {})
          sent.push(one)
        }
        // In one tick and over several.
        if (index % 10 === 9) await new Promise(setImmediate)
      }
      await Promise.all(sent)
      for (const publisher of publishers) await stage.sentinel(publisher, { name, id: '1' }, subscriber)
      for (const publisher of publishers.keys()) {
        const heard = subscriber.bodies.filter((body) => body.startsWith(`["${publisher} `))
        stage.equal(heard.length, count, `messages of one publisher`)
        const displaced = heard.findIndex((body, index) => body !== [...heard].sort()[index])
        stage.check(
          displaced === -1,
          () => `delivered ${heard[displaced] ?? ''} as number ${displaced} of its publisher`,
        )
      }
    },
  },
  {
    title: 'large and small, strings and bytes, events and failures do not overtake each other',
    contract: 5,
    run: async (stage) => {
      const key = { name, id: '1' }
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, topicOf(subscriber, key))
      // The first ones of this one have to wait for its connection.
      const unconnected = stage.peer()
      for (const publisher of [unconnected, unconnected, await stage.publisher()]) {
        const messages = mixed()
        const before = subscriber.heard.length
        const published = messages.map((message) => publisher.transport.publish(key, message))
        await stage.value('publish() of messages of all sizes', Promise.all(published))
        await stage.sentinel(publisher, key, subscriber)
        const heard = subscriber.bodies.slice(before, -1)
        stage.equal(heard.map(numberOf), [...messages.keys()], 'of messages of all sizes, delivered')
      }
    },
  },
  {
    title: 'kept messages and plain ones do not overtake each other',
    contract: 5,
    needs: ['keeper'],
    run: async (stage) => {
      const key = { name, id: '1' }
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, topicOf(subscriber, key))
      const publisher = await stage.publisher()
      // Those that are kept are large, now and then: that must not be another way.
      const messages = ['0 kept', '1 plain', '2 kept', '3 plain', '4 plain', '5 kept', '6 plain'].map(
        (word, index) => ({
          kept: word.endsWith('kept'),
          message: event(`${word} ${'x'.repeat(index % 4 === 2 ? 40_000 : 0)}`),
        }),
      )
      await Promise.all(
        messages.map(({ kept, message }) =>
          kept
            ? stage.value('keeper.publish()', stage.keeperOf(publisher).publish(key, message, 60_000))
            : stage.value('publish()', publisher.transport.publish(key, message)),
        ),
      )
      await stage.sentinel(publisher, key, subscriber)
      const heard = subscriber.bodies.filter((body) => !body.includes('sentinel'))
      stage.equal(
        heard,
        messages.map(({ message }) => message.body),
        'delivered',
      )
    },
  },
]
