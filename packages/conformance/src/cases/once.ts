import { isDeepStrictEqual } from 'node:util'
import type { EventKey, Message, Once } from 'server-events'
import type { Case } from '../case'
import type { Peer } from '../peer'
import { event } from '../stage'
import type { Stage } from '../stage'
import { isMessage, MINUTE, recalled } from '../support/kept'
import { show } from '../support/show'
import { topicOf, topicsOf } from '../support/topics'
import { pause } from '../support/waiting'

const name = 'report'
const key = { name, id: '1' }
const needs = ['once'] as const
const settled = 'ERR_ALREADY_SETTLED'

const comparing =
  ({ kind, body }: Message): Once =>
  (held) =>
    held.kind === kind && isDeepStrictEqual(held.body, body) ? 'same' : 'other'

function publish(stage: Stage, peer: Peer, at: EventKey, message: Message, ms = MINUTE, once = comparing(message)) {
  return stage.keeperOf(peer).publish(at, message, ms, once)
}

async function first(stage: Stage, peer: Peer, at: EventKey, message: Message, ms?: number): Promise<void> {
  await stage.value(`keeper.publish(${show(at)}) once`, publish(stage, peer, at, message, ms))
}

async function second(stage: Stage, peer: Peer, at: EventKey, message: Message): Promise<void> {
  await stage.rejects('keeper.publish() once, of another outcome,', publish(stage, peer, at, message), settled)
}

export const once: readonly Case[] = [
  {
    title: 'once: the first one holds, another one rejects, and the one that holds is announced again as it is',
    contract: 'Keeper.once',
    needs,
    run: async (stage) => {
      const [one, other, reader] = [await stage.publisher(), await stage.publisher(), await stage.publisher()]
      const subscriber = await stage.subscriber(topicOf(one, key))
      const holds = event('first', { headers: { a: 'b' }, kept: true })
      await first(stage, one, key, holds)
      await second(stage, other, key, event('second', { kept: true }))
      await second(stage, one, key, { ...holds, kind: 'failure' })
      await stage.sentinel(one, key, subscriber)
      await stage.sentinel(other, key, subscriber)
      const heard = subscriber.heard.filter(({ message }) => !String(message.body).includes('sentinel'))
      stage.equal(
        heard.map(({ message: { kind, body, headers } }) => ({ kind, body, headers })),
        [holds, holds, holds].map(({ kind, body, headers }) => ({ kind, body, headers })),
        'kept once, then others: heard',
      )
      const [answer] = await stage.recall(reader, key)
      stage.check(
        isMessage(answer) && answer.kind === 'event' && answer.body === holds.body,
        () => `kept ${show(holds)} once, then others, and recalls ${show(answer)}`,
      )
    },
  },
  {
    title: 'once: the same one again resolves, whatever its headers, and is announced again',
    contract: 'Keeper.once',
    needs,
    run: async (stage) => {
      const [one, other] = [await stage.publisher(), await stage.publisher()]
      const subscriber = await stage.subscriber(topicOf(one, key))
      const bytes = { name, id: 'bytes' }
      await first(stage, one, key, event('same', { headers: { trace: '1' } }))
      await first(stage, other, key, event('same', { headers: { trace: '2' } }))
      await stage.sentinel(other, key, subscriber)
      stage.equal(subscriber.bodies.slice(0, 2), [event('same').body, event('same').body], 'kept once, twice: heard')
      await first(stage, one, bytes, { kind: 'event', body: Uint8Array.from([0, 10, 255]) })
      await first(stage, other, bytes, { kind: 'event', body: Uint8Array.from([0, 10, 255]) })
      await second(stage, other, bytes, { kind: 'event', body: Uint8Array.from([0, 10, 254]) })
    },
  },
  {
    title: 'once: of many at a time one wins, which is all that anybody hears, and could have recalled',
    contract: 'Keeper.once',
    needs,
    run: async (stage) => {
      const publishers = [await stage.publisher(), await stage.publisher(), await stage.publisher()]
      const reader = await stage.publisher()
      const ids = Array.from({ length: 8 }, (_, index) => `many ${index}`)
      const subscriber = await stage.subscriber(
        ...topicsOf(
          reader,
          ids.map((id) => ({ name, id })),
        ),
      )
      const early: Promise<void>[] = []
      subscriber.onDeliver = ({ key: heard, message }) => {
        if (!heard.id.startsWith('many') || String(message.body).includes('sentinel')) return
        const answer = recalled(stage, reader, heard).then(([body]) =>
          stage.equal(body, message.body, 'kept once, heard, and recalled at once'),
        )
        answer.catch(() => {})
        early.push(answer)
      }
      for (const id of ids) {
        const bodies = publishers.flatMap((_, index) => [`${id} ${index} a`, `${id} ${index} b`])
        const won = await Promise.all(
          bodies.map((body, index) => {
            const publisher = publishers[index >> 1] as Peer
            const call = 'keeper.publish() once'
            return stage.resolvesOr([settled], call, publish(stage, publisher, { name, id }, event(body)))
          }),
        )
        const winners = bodies.filter((_, index) => won[index])
        stage.check(winners.length === 1, () => `of 6 outcomes at a time kept once ${winners.length} resolved`)
        for (const publisher of publishers) await stage.sentinel(publisher, { name, id }, subscriber)
        const heard = subscriber.heard.filter(({ key: at, message }) => at.id === id && message.kind === 'event')
        const bodiesHeard = new Set(heard.map(({ message }) => String(message.body)))
        for (const body of bodiesHeard) if (body.includes('sentinel')) bodiesHeard.delete(body)
        stage.equal([...bodiesHeard], [event(winners[0] ?? '').body], 'of 6 at a time kept once, heard')
      }
      await Promise.all(early)
    },
  },
  {
    title: 'once: when it was forgotten, or its time is over, the next one holds; and its time is not begun anew',
    contract: 'Keeper.once',
    needs,
    run: async (stage) => {
      const [one, other] = [await stage.publisher(), await stage.publisher()]
      await first(stage, one, key, event('first'))
      // In the order of the calls.
      const forgotten = stage.keeperOf(one).forget(key)
      await first(stage, one, key, event('second'))
      await stage.value('forget()', forgotten)
      await second(stage, other, key, event('third'))
      stage.equal(await recalled(stage, one, key), [event('second').body], 'forgotten and kept once again: recalled')
      const [short, alike] = [
        { name, id: 'short' },
        { name, id: 'alike' },
      ]
      await first(stage, one, alike, event('first'), 400)
      await first(stage, other, alike, event('first'))
      await first(stage, one, short, event('first'), 400)
      const until = performance.now() + stage.timeout
      // Each try would begin its time anew.
      while (
        !(await stage.resolvesOr([settled], 'keeper.publish() once', publish(stage, other, short, event('next'))))
      ) {
        stage.check(performance.now() < until, `kept once for 400 ms, and holds ${stage.timeout} ms later`)
        await pause(20)
      }
      stage.equal(await recalled(stage, one, short), [event('next').body], 'passed and kept once again: recalled')
      await stage.eventually(async () => (await recalled(stage, one, alike))[0] === 'nothing', {
        else: () => `kept once for 400 ms, then the same for longer, and still recalled ${stage.timeout} ms later`,
      })
    },
  },
  {
    title: 'once: what is none is replaced, by one of those that find it',
    contract: 'Keeper.once',
    needs,
    run: async (stage) => {
      const publishers = [await stage.publisher(), await stage.publisher(), await stage.publisher()]
      const [one] = publishers as [Peer]
      for (let round = 0; round < 5; round++) {
        const at = { name, id: `none ${round}` }
        await stage.value('keeper.publish()', stage.keeperOf(one).publish(at, event('none'), MINUTE))
        const won = await Promise.all(
          publishers.map((publisher, index) => {
            const message = event(`real ${index}`)
            const compare: Once = (held) => (held.body === event('none').body ? 'none' : comparing(message)(held))
            const published = publish(stage, publisher, at, message, MINUTE, compare)
            return stage.resolvesOr([settled], 'keeper.publish() once', published)
          }),
        )
        const winners = publishers.flatMap((_, index) => (won[index] ? [event(`real ${index}`).body] : []))
        stage.check(winners.length === 1, () => `of 3 that replace what is none ${winners.length} resolved`)
        stage.equal(await recalled(stage, one, at), winners, 'what is none was replaced: recalled')
      }
    },
  },
]
