import type { EventKey, Message } from 'server-events'
import type { Case } from '../case'
import { event } from '../stage'
import { Attempts } from '../support/attempts'
import { keep, presuppose, recalled } from '../support/kept'
import { show } from '../support/show'
import { topicOf, topicsOf } from '../support/topics'

const name = 'report'
const key = { name, id: '1' }
const needs = ['keeper'] as const

export const keeping: readonly Case[] = [
  {
    title: 'what is kept can be recalled, by others and after its publisher has gone',
    contract: 'Keeper.publish',
    needs,
    run: async (stage) => {
      const [publisher, reader] = [await stage.publisher(), await stage.publisher()]
      await keep(stage, publisher, key, event('kept'))
      stage.equal(await recalled(stage, publisher, key), [event('kept').body], 'kept, and recalled by who kept it')
      await stage.value('close()', publisher.transport.close())
      stage.equal(await recalled(stage, reader, key), [event('kept').body], 'kept, and recalled by another one')
    },
  },
  {
    title: 'whoever hears a kept message could already have recalled it',
    contract: 'Keeper.publish',
    needs,
    run: async (stage) => {
      const [publisher, reader] = [await stage.publisher(), await stage.publisher()]
      const subscriber = stage.peer()
      const ids = Array.from({ length: 4 }, (_, index) => String(index))
      await stage.subscribe(
        subscriber,
        ...topicsOf(
          subscriber,
          ids.map((id) => ({ name, id })),
        ),
      )
      await keep(stage, publisher, key, event('before'))
      await presuppose(stage, reader, key)
      const answers: Promise<void>[] = []
      subscriber.onDeliver = ({ key: heard, message }) => {
        // By another one, and by itself.
        for (const peer of [reader, subscriber]) {
          const answer = recalled(stage, peer, heard).then(([body]) =>
            stage.equal(body, message.body, 'recalled as soon as it was heard'),
          )
          answer.catch(() => {})
          answers.push(answer)
        }
      }
      // Each id is kept several times: the answer must not be the one before. Large ones may take another way.
      for (let round = 0; round < 20; round++) {
        const padding = 'x'.repeat(round % 3 === 2 ? 20_000 : round)
        const message = event(`${round} ${padding}`)
        await keep(stage, publisher, { name, id: String(round % ids.length) }, message)
        await stage.arrived(subscriber, message)
        await Promise.all(answers.splice(0))
      }
    },
  },
  {
    title: 'the last one that is kept wins; publish neither keeps nor replaces',
    contract: 'Keeper.publish',
    needs,
    run: async (stage) => {
      const publisher = await stage.publisher()
      await keep(stage, publisher, key, event('first'))
      await presuppose(stage, publisher, key)
      await keep(stage, publisher, key, event('second'))
      await stage.send(publisher, key, event('plain'))
      await stage.send(publisher, { name, id: '2' }, event('plain'))
      stage.equal(
        await recalled(stage, publisher, key, { name, id: '2' }),
        [event('second').body, 'nothing'],
        'kept twice, then published: recalled',
      )
    },
  },
  {
    title: 'of those kept in one tick each is heard, equal ones too, and the last one wins',
    contract: 'Keeper.publish',
    needs,
    run: async (stage) => {
      const publisher = await stage.publisher()
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, topicOf(subscriber, key))
      const bodies = ['first', 'alike', 'alike', 'alike', 'last']
      await Promise.all(bodies.map((body) => keep(stage, publisher, key, event(body))))
      await presuppose(stage, publisher, key)
      await stage.sentinel(publisher, key, subscriber)
      stage.equal(
        subscriber.bodies.slice(0, -1),
        bodies.map((body) => event(body).body),
        'kept in one tick, delivered',
      )
      stage.equal(await recalled(stage, publisher, key), [event('last').body], 'kept in one tick, recalled')
    },
  },
  {
    title: 'recall answers each key, in order',
    contract: 'Keeper.recall',
    needs,
    run: async (stage) => {
      const [publisher, reader] = [await stage.publisher(), await stage.publisher()]
      const ids = ['1', '2', '3', '4', '5']
      for (const id of ids) await keep(stage, publisher, { name, id }, event(id))
      await presuppose(stage, reader, key)
      const asked = ['3', 'never kept', '1', '5', '3', '4', 'nor this', '2']
      const expected = asked.map((id) => (ids.includes(id) ? event(id).body : 'nothing'))
      stage.equal(await recalled(stage, reader, ...asked.map((id) => ({ name, id }))), expected, 'recalled')
      stage.equal(await recalled(stage, reader), [], 'recalled of no keys')
    },
  },
  {
    title: 'recall answers hundreds of keys at a time, each question with its own answers',
    contract: 'Keeper.recall',
    needs,
    run: async (stage) => {
      const [publisher, reader] = [await stage.publisher(), await stage.publisher()]
      const ids = Array.from({ length: 130 }, (_, index) => String(index))
      await Promise.all(ids.map((id) => keep(stage, publisher, { name, id }, event(id))))
      await presuppose(stage, reader, key)
      // Each third is asked for a second time, and as many were never kept.
      const all = ids.flatMap((id) => [id, ...(Number(id) % 3 === 0 ? [id] : []), `never ${id}`])
      const [forwards, backwards] = [all, all.toReversed()]
      const questions = [forwards, backwards, ['7'], [], ['never', '8'], forwards].map(async (asked) => {
        const expected = asked.map((id) => (id.startsWith('never') ? 'nothing' : event(id).body))
        let answers: readonly string[] = []
        // Not to know is no lie, on a machine that is busy: but then it has to be known when it is asked again.
        await stage.eventually(
          async () => {
            answers = await recalled(stage, reader, ...asked.map((id) => ({ name, id })))
            return !answers.includes('Error')
          },
          { else: () => `answered Errors for some of ${asked.length} keys, again and again` },
        )
        stage.equal(answers.length, expected.length, `asked for ${expected.length} keys, answers`)
        const wrong = answers.findIndex((answer, index) => answer !== expected[index])
        stage.check(
          wrong === -1,
          () =>
            `answered ${show(answers[wrong])} instead of ${show(expected[wrong])} for number ${wrong} of ${asked.length} keys`,
        )
      })
      await Promise.all(questions)
    },
  },
  {
    title: 'forget removes one, and only that; forgetting nothing is fine',
    contract: 'Keeper.forget',
    needs,
    run: async (stage) => {
      const [publisher, other] = [await stage.publisher(), await stage.publisher()]
      // Neighbours of ('report', '1'), by whatever order or pattern.
      const stay = [
        { name, id: '2' },
        { name, id: '11' },
        { name, id: '1:' },
        { name, id: '1 ' },
        { name, id: '*' },
        { name, id: '%' },
        { name: 'reports', id: '1' },
        { name: 'REPORT', id: '1' },
        { name: 'repor', id: 't1' },
        { name: 'other', id: '1' },
      ]
      await keep(stage, publisher, key, event('goes'))
      for (const one of stay) await keep(stage, publisher, one, event(show(one)))
      const before = await recalled(stage, publisher, ...stay)
      await stage.value('keeper.forget()', stage.keeperOf(other).forget(key))
      await stage.value('keeper.forget() of nothing', stage.keeperOf(other).forget(key))
      stage.equal(
        await recalled(stage, publisher, key, ...stay),
        ['nothing', ...before],
        `after forget(${show(key)}), recalled of it and its neighbours`,
      )
      for (const id of ['*', '%'])
        await stage.value(`keeper.forget() of the id ${id}`, stage.keeperOf(other).forget({ name, id }))
      stage.equal(
        await recalled(stage, publisher, ...stay),
        before.map((body, index) => (['*', '%'].includes(stay[index]?.id ?? '') ? 'nothing' : body)),
        "after forget of the ids '*' and '%', recalled of the others",
      )
      await keep(stage, publisher, key, event('anew'))
      const [anew] = await recalled(stage, publisher, key)
      // Who keeps nothing at all fails another case.
      stage.check(
        anew === event('anew').body || before[0] === 'nothing',
        () => `after forget, kept anew and recalled ${show(anew)}`,
      )
    },
  },
  {
    title: 'what is not known is an Error, not absence; recall never rejects',
    contract: 'Keeper.recall',
    needs,
    run: async (stage) => {
      const [publisher, reader, closed] = [await stage.publisher(), await stage.publisher(), await stage.publisher()]
      await stage.value('close()', closed.transport.close())
      stage.equal(await recalled(stage, closed, key, { name, id: '2' }), ['Error', 'Error'], 'after close(), recalled')
      if (!stage.canInterrupt) return
      await keep(stage, publisher, key, event('kept'))
      await presuppose(stage, reader, key)
      await stage.subscribe(reader, topicOf(reader, { name: 'other', id: '1' }))
      const answers: Promise<string[]>[] = []
      const ask = (): void => {
        const answer = recalled(stage, reader, key)
        answer.catch(() => {})
        answers.push(answer)
      }
      reader.onState = ask
      ask()
      await stage.interrupt()
      ask()
      const again = async (): Promise<boolean> => (await recalled(stage, reader, key))[0] === event('kept').body
      await stage.eventually(again, { else: () => 'answers no recall any more after an interruption' })
      for (const answer of (await Promise.all(answers)).flat())
        stage.check(answer !== 'nothing', 'answered undefined for what is kept, during an interruption')
    },
  },
  {
    title: "('a', 'b:c') and ('a:b', 'c') are kept apart",
    contract: 'Keeper.publish',
    needs,
    run: async (stage) => {
      const publisher = await stage.publisher()
      await keep(stage, publisher, { name: 'a', id: 'b:c' }, event('kept'))
      const others = [
        { name: 'a:b', id: 'c' },
        { name: 'a', id: 'b' },
        { name: 'A', id: 'b:c' },
        { name: 'a', id: 'b:C' },
      ]
      stage.equal(
        await recalled(stage, publisher, ...others),
        others.map(() => 'nothing'),
        `with only ('a', 'b:c') kept, recalled of ${show(others)}`,
      )
      await stage.value('keeper.forget()', stage.keeperOf(publisher).forget({ name: 'a', id: 'b:c' }))
    },
  },
  {
    title: 'what is kept or forgotten across an interruption settles, and is neither heard nor kept if it was not sent',
    contract: 'Keeper.publish',
    needs: ['keeper', 'interrupt'],
    run: async (stage) => {
      const peer = stage.peer()
      const topic = topicOf(peer, key)
      await stage.subscribe(peer, topic)
      await stage.value('connect()', peer.transport.connect())
      const attempts = new Attempts(stage)
      const forgotten: Promise<unknown>[] = []
      const codes = ['ERR_CONNECTION', 'ERR_UNCERTAIN']
      let count = 0
      const kept: { readonly key: EventKey; readonly message: Message }[] = []
      const act = (): void => {
        const one = { key: { name, id: `across ${++count}` }, message: event(`across ${count}`) }
        kept.push(one)
        attempts.keep(peer, one.key, one.message)
        attempts.keep(peer, key, event(`heard ${count}`))
        forgotten.push(stage.resolvesOr(codes, 'forget() across an interruption', stage.keeperOf(peer).forget(key)))
        void Promise.allSettled(forgotten)
      }
      peer.onState = act
      act()
      await stage.interrupt()
      act()
      await attempts.settle('across an interruption', ...codes, 'ERR_NOT_KEPT')
      await Promise.all(forgotten)
      await stage.hears(peer, topic)
      await stage.sentinel(peer, key, peer)
      await attempts.neverHeard(peer)
      const unsent = (await attempts.unsent()).map(({ message }) => message)
      for (const one of kept.filter(({ message }) => unsent.includes(message))) {
        const [answer] = await recalled(stage, peer, one.key)
        stage.equal(
          answer,
          'nothing',
          `its keeper.publish() rejected with ConnectionError, and recall(${show(one.key)})`,
        )
      }
      await keep(stage, peer, key, event('afterwards'))
      await presuppose(stage, peer, key)
      stage.equal(await recalled(stage, peer, key), [event('afterwards').body], 'kept after an interruption, recalled')
    },
  },
]
