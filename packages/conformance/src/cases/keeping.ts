import type { EventKey, Message } from 'server-events'
import type { Case } from '../case'
import type { Peer } from '../peer'
import { NotApplicable, event, show } from '../stage'
import type { Stage } from '../stage'
import { differences } from './intact'
import { topicOf } from './topics'

const name = 'report'
const key = { name, id: '1' }
const needs = ['keeper'] as const
const minute = 60_000

async function keep(stage: Stage, peer: Peer, at: EventKey, message: Message, ms = minute): Promise<void> {
  await stage.value(`keeper.publish(${show(at)})`, stage.keeperOf(peer).publish(at, message, ms))
}

function isMessage(answer: unknown): answer is Message {
  return typeof answer === 'object' && answer !== null && 'body' in answer
}

/** The answers in short: bodies, 'nothing', 'Error'. */
async function recalled(stage: Stage, peer: Peer, ...keys: EventKey[]): Promise<string[]> {
  const answers = await stage.recall(peer, ...keys)
  return answers.map((answer) => {
    if (answer === undefined) return 'nothing'
    return isMessage(answer) ? String(answer.body) : answer instanceof Error ? 'Error' : show(answer)
  })
}

/** That a message is kept at all is the matter of the first case: without it the others have nothing to say. */
async function presuppose(stage: Stage, peer: Peer, at: EventKey): Promise<void> {
  const [answer] = await recalled(stage, peer, at)
  if (answer === 'nothing') throw new NotApplicable('presupposes that what is kept can be recalled')
}

export const keeping: readonly Case[] = [
  {
    title: 'what is kept can be recalled, intact, by others and after its publisher has gone',
    contract: 'Keeper.publish',
    needs,
    run: async (stage) => {
      const [publisher, reader] = [await stage.publisher(), await stage.publisher()]
      const messages: Message[] = [
        event('text', { kept: true }),
        event('text', { kept: true, headers: { traceparent: '00-ab-01' } }),
        { kind: 'failure', body: '{"name":"Error","message":"no"}', kept: true },
        { kind: 'event', body: Uint8Array.from([0, 255, 10, 13]), kept: true },
      ]
      for (const [id, message] of messages.entries()) await keep(stage, publisher, { name, id: String(id) }, message)
      await stage.value('close()', publisher.transport.close())
      for (const [id, message] of messages.entries()) {
        const [answer] = await stage.recall(reader, { name, id: String(id) })
        if (!isMessage(answer)) throw stage.broken(`kept ${show(message)}, and recall answers ${show(answer)}`)
        const wrong = differences(message, answer)
        stage.check(
          wrong === undefined,
          () => `kept ${show(message)}, and recall answers ${show(answer)}: ${String(wrong)}`,
        )
      }
    },
  },
  {
    title: 'whoever hears a kept message could already have recalled it',
    contract: 'Keeper.publish',
    needs,
    run: async (stage) => {
      const [publisher, reader] = [await stage.publisher(), await stage.publisher()]
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, topicOf(subscriber, key))
      let answer: Promise<string[]> | undefined
      subscriber.onDeliver = () => {
        answer ??= recalled(stage, reader, key)
        answer.catch(() => {})
      }
      const message = event('kept')
      await keep(stage, publisher, key, message)
      await stage.arrived(subscriber, message)
      await presuppose(stage, reader, key)
      stage.equal(await answer, [message.body], 'recalled as soon as it was heard')
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
    title: 'forget removes one, and only that; forgetting nothing is fine',
    contract: 'Keeper.forget',
    needs,
    run: async (stage) => {
      const [publisher, other] = [await stage.publisher(), await stage.publisher()]
      const stays = { name, id: '2' }
      await keep(stage, publisher, key, event('goes'))
      await keep(stage, publisher, stays, event('stays'))
      const before = await recalled(stage, publisher, stays)
      await stage.value('keeper.forget()', stage.keeperOf(other).forget(key))
      await stage.value('keeper.forget() of nothing', stage.keeperOf(other).forget(key))
      stage.equal(await recalled(stage, publisher, key, stays), ['nothing', ...before], 'after forget, recalled')
      await keep(stage, publisher, key, event('anew'))
      const [anew] = await recalled(stage, publisher, key)
      stage.check(anew !== event('goes').body, 'brought back what had been forgotten')
    },
  },
  {
    title: 'what is kept goes after its time, and no later one with it',
    contract: 'Keeper.publish',
    needs,
    run: async (stage) => {
      const publisher = await stage.publisher()
      const long = { name, id: 'long' }
      await keep(stage, publisher, long, event('short'), 100)
      await keep(stage, publisher, long, event('long'))
      await keep(stage, publisher, key, event('short'), 100)
      await presuppose(stage, publisher, long)
      const gone = async (): Promise<boolean> => (await recalled(stage, publisher, key))[0] === 'nothing'
      await stage.eventually(gone, { else: () => `kept for 100 ms, and still recalled ${stage.timeout} ms later` })
      stage.equal(await recalled(stage, publisher, long), [event('long').body], 'kept for 60,000 ms, and recalled')
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
]
