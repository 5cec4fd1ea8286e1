import type { Case } from '../case'
import { event } from '../stage'
import { keep } from '../support/kept'
import { allOf } from '../support/topics'

const name = 'report'

/** Two labels, and what are none: with a wrong check, in the wrong place, of the wrong length. */
const [home, other] = ['AAAAaaaarko', 'BBBB-b_9I1p']
const homeless = [
  '1',
  home,
  `1-${home}`,
  `1~${home.slice(1)}`,
  `1~${home}x`,
  `~${home}:1`,
  '1~AAAAaaaarkp',
  '~',
  `1~${home}~`,
]
const nasty = [
  `1~${home}`,
  `~${home}`,
  `a:{b}%*>.~${home}`,
  `~${other}~${home}`,
  `${'x'.repeat(500)}~${home}`,
  `é🦕 ~${home}`,
]

export const homes: readonly Case[] = [
  {
    title: 'a home is all ids of its name that end with its label, and nothing else',
    contract: 'Transport.homes',
    needs: ['homes'],
    run: async (stage) => {
      const subscriber = await stage.subscriber({ name, home })
      const witness = stage.peer()
      await stage.subscribe(witness, ...allOf(witness, name))
      const publisher = await stage.publisher()
      const foreign = [...homeless, `1~${other}`, `1~${home}~${other}`]
      for (const id of [...foreign, ...nasty]) await stage.send(publisher, { name, id }, event(id))
      await stage.send(publisher, { name: `${name}2`, id: `1~${home}` }, event('of another name'))
      await stage.sentinel(publisher, { name, id: `2~${home}` }, subscriber, witness)
      stage.equal(
        subscriber.heard.map(({ key }) => key.id),
        [...nasty, `2~${home}`],
        'the ids that the home delivered',
      )
      stage.equal(
        witness.heard.map(({ key }) => key.id).sort(),
        [...foreign, ...nasty, `2~${home}`].sort(),
        'the ids that the whole name delivered',
      )
    },
  },
  {
    title: 'of a name, a home and an id that overlap each stands without the others, and delivers once',
    contract: 'Receiver.deliver',
    needs: ['homes', 'ids'],
    run: async (stage) => {
      const own = { name, id: `1~${home}` }
      const id = { name, id: 'alone' }
      const topics = [{ name }, { name, home }, id]
      const all = await stage.subscriber(...topics)
      const [withoutName, withoutHome, withoutId] = [
        await stage.subscriber(...topics),
        await stage.subscriber(...topics),
        await stage.subscriber(...topics),
      ]
      await stage.value('unsubscribe() of the name', withoutName.transport.unsubscribe({ name }))
      await stage.value('unsubscribe() of the home', withoutHome.transport.unsubscribe({ name, home }))
      await stage.value('unsubscribe() of the id', withoutId.transport.unsubscribe(id))
      const publisher = await stage.publisher()
      for (const key of [own, id, { name, id: 'nobody' }, own, id]) await stage.send(publisher, key, event(key.id))
      await stage.sentinel(publisher, own, all, withoutName, withoutHome, withoutId)
      await stage.sentinel(publisher, id, all, withoutName, withoutHome, withoutId)
      const counted = (peer: typeof all): Record<string, number> => {
        const counts: Record<string, number> = {}
        for (const { key } of peer.heard) counts[key.id] = (counts[key.id] ?? 0) + 1
        return counts
      }
      const every = { [own.id]: 3, alone: 3, nobody: 1 }
      stage.equal(counted(all), every, 'with all three, how often each id was delivered')
      stage.equal(counted(withoutHome), every, 'without the home, how often each id was delivered')
      stage.equal(counted(withoutId), every, 'without the id, how often each id was delivered')
      stage.equal(counted(withoutName), { [own.id]: 3, alone: 3 }, 'without the name, how often each id was delivered')
    },
  },
  {
    title: 'of all homes and one of them each stands without the other, and both deliver once',
    contract: 'Receiver.deliver',
    needs: ['homes'],
    run: async (stage) => {
      const [own, its] = [
        { name, id: `1~${home}` },
        { name, id: `1~${other}` },
      ]
      const both = stage.peer()
      const all = allOf(both, name)
      await stage.subscribe(both, ...all, { name, home })
      const [withoutAll, withoutOne] = [
        await stage.subscriber(...all, { name, home }),
        await stage.subscriber(...all, { name, home }),
      ]
      for (const topic of all) await stage.value('unsubscribe() of all', withoutAll.transport.unsubscribe(topic))
      await stage.value('unsubscribe() of the home', withoutOne.transport.unsubscribe({ name, home }))
      const publisher = await stage.publisher()
      for (const key of [its, own]) await stage.send(publisher, key, event(key.id))
      await stage.sentinel(publisher, own, both, withoutAll, withoutOne)
      await stage.sentinel(publisher, its, both, withoutOne)
      const ids = ({ heard }: typeof both): string[] => heard.map(({ key }) => key.id).sort()
      const every = [own.id, own.id, its.id, its.id]
      stage.equal(ids(both), every, 'with both, the ids delivered')
      stage.equal(ids(withoutOne), every, 'without the home, the ids delivered')
      stage.equal(ids(withoutAll), [own.id, own.id], 'with the home only, the ids delivered')
    },
  },
  {
    title: 'after a home was unsubscribed nothing of it is delivered, and it can be subscribed again',
    contract: 2,
    needs: ['homes'],
    run: async (stage) => {
      const [own, its] = [
        { name, id: `1~${home}` },
        { name, id: `1~${other}` },
      ]
      const subscriber = await stage.subscriber({ name, home }, { name, home: other })
      const witness = await stage.subscriber({ name, home })
      await stage.value('unsubscribe() of the home', subscriber.transport.unsubscribe({ name, home }))
      const publisher = await stage.publisher()
      await stage.sentinel(publisher, own, witness)
      await stage.sentinel(publisher, its, subscriber)
      stage.equal(
        subscriber.heard.map(({ key }) => key.id),
        [its.id],
        'the ids delivered after unsubscribe',
      )
      await stage.subscribe(subscriber, { name, home })
      await stage.sentinel(publisher, own, subscriber)
    },
  },
  {
    title: 'a home stands again after an interruption',
    contract: 3,
    needs: ['homes', 'interrupt'],
    run: async (stage) => {
      const own = { name, id: `1~${home}` }
      const subscriber = await stage.subscriber({ name, home })
      const publisher = await stage.publisher()
      const back = subscriber.next('outputStore', true)
      await stage.interrupt()
      await stage.value("state('outputStore', true) after an interruption", back)
      await stage.sentinel(publisher, own, subscriber)
    },
  },
  {
    title: 'each home is heard in its order, and so are the ids without one',
    contract: 5,
    needs: ['homes'],
    run: async (stage) => {
      const ends = ['', `~${home}`, `~${other}`]
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, ...allOf(subscriber, name))
      const publisher = await stage.publisher()
      const sent: Promise<void>[] = []
      for (let index = 0; index < 300; index++) {
        const one = stage.send(
          publisher,
          { name, id: `${index % 5}${ends[index % 3] ?? ''}` },
          event(String(1000 + index)),
        )
        // Until all are awaited nobody else looks at it.
        one.catch(() => {})
        sent.push(one)
        // In one tick and over several.
        if (index % 50 === 49) await new Promise(setImmediate)
      }
      await Promise.all(sent)
      for (const end of ends) await stage.sentinel(publisher, { name, id: `1${end}` }, subscriber)
      for (const [group, end] of ends.entries()) {
        const bodies = subscriber.bodies.filter((body) => /^\["1\d{3}"\]$/.test(body))
        const heard = bodies.filter((body) => (Number(body.slice(2, 6)) - 1000) % 3 === group)
        stage.equal(heard.length, 100, `messages with ids that end with ${JSON.stringify(end)}`)
        stage.equal(heard, [...heard].sort(), `messages with ids that end with ${JSON.stringify(end)}`)
      }
    },
  },
  {
    title: 'what is kept for an id of a home is heard by the home, and recalled',
    contract: 'Keeper.publish',
    needs: ['homes', 'keeper'],
    run: async (stage) => {
      const own = { name, id: `1~${home}` }
      const subscriber = await stage.subscriber({ name, home })
      const publisher = await stage.publisher()
      await keep(stage, publisher, own, event('kept', { kept: true }))
      await stage.arrived(subscriber, event('kept'))
      const [answer] = await stage.recall(publisher, own)
      stage.equal((answer as { body?: unknown } | undefined)?.body, event('kept').body, 'recalled')
    },
  },
]
