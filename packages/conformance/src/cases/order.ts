import type { Case } from '../case'
import { event } from '../stage'
import { topicOf } from './topics'

const name = 'report'

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
    title: 'kept messages and plain ones do not overtake each other',
    contract: 5,
    needs: ['keeper'],
    run: async (stage) => {
      const key = { name, id: '1' }
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, topicOf(subscriber, key))
      const publisher = await stage.publisher()
      const bodies = ['0 kept', '1 plain', '2 kept', '3 plain', '4 plain', '5 kept']
      await Promise.all(
        bodies.map((body) =>
          body.endsWith('kept')
            ? stage.value('keeper.publish()', stage.keeperOf(publisher).publish(key, event(body), 60_000))
            : stage.value('publish()', publisher.transport.publish(key, event(body))),
        ),
      )
      await stage.sentinel(publisher, key, subscriber)
      const heard = subscriber.bodies.filter((body) => !body.includes('sentinel'))
      stage.equal(
        heard,
        bodies.map((body) => event(body).body),
        'delivered',
      )
    },
  },
]
