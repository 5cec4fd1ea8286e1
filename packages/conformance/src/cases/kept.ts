import type { EventKey, Message } from 'server-events'
import type { Case } from '../case'
import type { Peer } from '../peer'
import { event, sameKey } from '../stage'
import type { Stage } from '../stage'
import { bytes, headers, mayBeRefused, sizeOf, sizes, strings } from '../support/bodies'
import { bodyDifference, differences } from '../support/intact'
import { isMessage, keep, MINUTE, presuppose, recalled } from '../support/kept'
import { lookalikes, nastyIds, nastyNames } from '../support/nasty'
import { show } from '../support/show'
import { topicsOf } from '../support/topics'

const name = 'report'
const needs = ['keeper'] as const

/** Those of messages that are kept, all in one call; 50 at a time, so that the number is the matter of another case. */
async function recallAll(stage: Stage, peer: Peer, keys: readonly EventKey[]): Promise<unknown[]> {
  const answers: unknown[] = []
  for (let from = 0; from < keys.length; from += 50)
    answers.push(...(await stage.recall(peer, ...keys.slice(from, from + 50))))
  return answers
}

export const kept: readonly Case[] = [
  {
    title: 'what is kept is heard and recalled as it left: kind, body, headers, kept',
    contract: 6,
    needs,
    run: async (stage) => {
      const [publisher, reader] = [await stage.publisher(), await stage.publisher()]
      const messages: Message[] = [
        ...strings.map((body): Message => ({ kind: 'event', body, kept: true })),
        ...bytes.map((body): Message => ({ kind: 'event', body, kept: true })),
        ...headers.map((some) => event('with headers', { headers: some, kept: true })),
        { kind: 'event', body: Uint8Array.from([0, 255]), headers: { a: 'of bytes' }, kept: true },
        { kind: 'failure', body: '{"name":"Error","message":"no"}', kept: true },
        { kind: 'failure', body: '{"name":"Error","message":"no"}', headers: { a: 'of a failure' }, kept: true },
      ]
      const keys = messages.map((_, index) => ({ name, id: String(index) }))
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, ...topicsOf(subscriber, keys))
      for (const [index, message] of messages.entries())
        await keep(stage, publisher, keys[index] ?? { name, id: '' }, message)
      await presuppose(stage, reader, keys[0] ?? { name, id: '' })
      await stage.sentinel(publisher, { name, id: '0' }, subscriber)
      const answers = await recallAll(stage, reader, keys)
      for (const [index, message] of messages.entries()) {
        const answer = answers[index]
        if (!isMessage(answer)) throw stage.broken(`kept ${show(message)}, and recall answers ${show(answer)}`)
        const heard = subscriber.heard.find(({ key }) => key.id === String(index))?.message
        if (!heard) throw stage.broken(`kept ${show(message)}, and never delivered it`)
        for (const [how, got] of [
          ['recall answers', answer],
          ['delivered', heard],
        ] as const) {
          const wrong = differences(message, got)
          stage.check(wrong === undefined, () => `kept ${show(message)}, and ${how} ${show(got)}: ${String(wrong)}`)
        }
        // Whether the wire can tell is seen from what was delivered.
        stage.check(
          heard.kept === undefined || answer.kept !== undefined,
          () => `delivered ${show(heard)} with kept, and recall answers without`,
        )
      }
    },
  },
  {
    title: 'any size is kept and heard whole, or is refused with PayloadTooLargeError',
    contract: 'Message.body',
    needs,
    run: async (stage) => {
      const [publisher, reader] = [await stage.publisher(), await stage.publisher()]
      const bodies = sizes()
      const subscriber = stage.peer()
      const keys = bodies.map((_, index) => ({ name, id: String(index) }))
      await stage.subscribe(subscriber, ...topicsOf(subscriber, keys))
      for (const [index, body] of bodies.entries()) {
        const key = { name, id: String(index) }
        const what = sizeOf(body)
        const published = stage.keeperOf(publisher).publish(key, { kind: 'event', body, kept: true }, MINUTE)
        const accepted = await stage.resolvesOr(mayBeRefused(body), `keeper.publish() of ${what}`, published)
        if (index === 0) await presuppose(stage, reader, key)
        const [answer] = await stage.recall(reader, key)
        if (!accepted) {
          stage.check(answer === undefined, () => `refused ${what}, and recall answers ${show(answer)}`)
          continue
        }
        const heard = (): Message | undefined => subscriber.heard.find((one) => sameKey(one.key, key))?.message
        await stage.eventually(() => heard() !== undefined, { else: () => `kept ${what} and never delivered it` })
        for (const [how, got] of [
          ['recalled', answer],
          ['delivered', heard()],
        ] as const)
          stage.check(
            isMessage(got) && bodyDifference(body, got.body) === undefined,
            () => `kept ${what}, and ${how} ${show(got)}`,
          )
      }
    },
  },
  {
    title: 'nasty names and ids are kept apart, and forgotten apart',
    contract: 'Keeper.publish',
    needs,
    run: async (stage) => {
      const publisher = await stage.publisher()
      const separators = [':', '.', '/', '-', '_', ' ', '\n', '\0', '%25']
      const keys = [
        ...nastyNames.map((one) => ({ name: one, id: '1' })),
        ...nastyIds.map((id) => ({ name, id })),
        ...lookalikes.flatMap((pair) => pair.map((id) => ({ name: 'lookalike', id }))),
        ...lookalikes.flatMap((pair) => pair.map((one) => ({ name: one, id: 'lookalike' }))),
        ...separators.map((separator) => ({ name: 'a', id: `b${separator}c` })),
        ...separators.map((separator) => ({ name: `a${separator}b`, id: 'c' })),
      ]
      for (let from = 0; from < keys.length; from += 50) {
        const some = keys.slice(from, from + 50)
        await Promise.all(some.map((key) => keep(stage, publisher, key, event(show(key)))))
      }
      await presuppose(stage, publisher, keys[0] ?? { name, id: '' })
      await sameAs(
        keys.map((key) => event(show(key)).body),
        'kept',
      )
      // Each second one, so that of two that look alike one stays.
      const forgotten = keys.filter((_, index) => index % 2 === 1)
      for (let from = 0; from < forgotten.length; from += 50) {
        const some = forgotten.slice(from, from + 50)
        await Promise.all(
          some.map((key) => stage.value(`keeper.forget(${show(key)})`, stage.keeperOf(publisher).forget(key))),
        )
      }
      await sameAs(
        keys.map((key, index) => (index % 2 === 1 ? 'nothing' : event(show(key)).body)),
        'kept, and each second one forgotten',
      )

      async function sameAs(expected: readonly unknown[], what: string): Promise<void> {
        for (let from = 0; from < keys.length; from += 50) {
          const some = keys.slice(from, from + 50)
          const answers = await recalled(stage, publisher, ...some)
          for (const [index, answer] of answers.entries())
            stage.equal(answer, expected[from + index], `${what}: recall(${show(some[index])})`)
        }
      }
    },
  },
]
