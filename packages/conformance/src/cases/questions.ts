import type { EventKey, Message } from 'server-events'
import type { Case } from '../case'
import type { Stage } from '../stage'
import { differences } from '../support/intact'
import { show } from '../support/show'
import { topicOf, topicsOf } from '../support/topics'

const [home, other] = ['AAAAaaaarko', 'BBBB-b_9I1p']
const reply = (label: string, of = 'AAAAAAAAAAAAAAAAAAAAAA'): EventKey => ({ name: '_answers', id: `${of}~${label}` })

const answer = (body: string): Message => ({ kind: 'answer', body })

/** What the server answers is that it took it: this is published, and one that subscribed to it gets it, or the case ends. */
async function arrives(stage: Stage, sent: readonly (readonly [EventKey, Message])[]): Promise<void> {
  const subscriber = stage.peer()
  await stage.subscribe(subscriber, ...topicsOf(subscriber, [...sent.map(([key]) => key)]))
  const publisher = await stage.publisher()
  for (const [key, message] of sent) {
    const before = subscriber.heard.length
    await stage.value(`publish() of ${show(message)}`, publisher.transport.publish(key, message))
    await stage.eventually(() => subscriber.heard.length > before, {
      else: () => `${show(message)} was never delivered`,
    })
    const [heard] = subscriber.heard.slice(before)
    const wrong = heard && differences(message, heard.message)
    stage.check(wrong === undefined, () => `published ${show(message)}: ${String(wrong)}`)
    stage.equal(heard?.key, key, 'the key')
  }
}

export const questions: readonly Case[] = [
  {
    title: 'a question reaches whoever subscribed to what it is about, as it left',
    contract: 'Transport.questions',
    needs: ['questions'],
    run: (stage) => {
      const question: Message = { kind: 'question', body: reply(home).id }
      return arrives(stage, [
        [{ name: 'report', id: '42' }, question],
        [{ name: 'report', id: `42~${other}` }, question],
      ])
    },
  },
  {
    title: 'an answer reaches the home that it is addressed to, and nobody else',
    contract: 'Transport.questions',
    needs: ['questions'],
    run: async (stage) => {
      const asker = stage.peer()
      const second = stage.peer()
      const waiter = stage.peer()
      for (const [peer, label] of [
        [asker, home],
        [second, other],
      ] as const)
        await stage.value('subscribe()', peer.transport.subscribe({ name: '_answers', home: label }))
      const key = { name: 'report', id: '42' }
      await stage.subscribe(waiter, topicOf(waiter, key))
      const publisher = await stage.publisher()
      for (const to of [home, other, home]) await stage.send(publisher, reply(to), answer(`for ${to}`))
      // Each has its last one behind what it was not to hear.
      for (const to of [home, other]) await stage.send(publisher, reply(to, 'BBBBBBBBBBBBBBBBBBBBBB'), answer('last'))
      await stage.sentinel(publisher, key, waiter)
      for (const peer of [asker, second])
        await stage.eventually(() => peer.bodies.at(-1) === 'last', { else: () => 'an answer was never delivered' })
      stage.equal(asker.bodies, [`for ${home}`, `for ${home}`, 'last'], 'the answers that the one who asked got')
      stage.equal(second.bodies, [`for ${other}`, 'last'], 'the answers that another one who asks got')
      const kinds = waiter.heard.map(({ message }) => message.kind)
      stage.equal(kinds, ['event'], 'what somebody got who waits and asks nothing')
    },
  },
  {
    title: 'kinds that nobody knows yet travel as they are',
    contract: 'Transport.questions',
    needs: ['questions'],
    run: (stage) => {
      const kind = 'rumour' as Message['kind']
      const key = { name: 'report', id: '42' }
      const bodies = ['', 'text', 'two\nlines', '["json"]', '🦕\ud800', Uint8Array.of(0, 255)]
      return arrives(stage, [
        ...bodies.map((body) => [key, { kind, body }] as const),
        [key, { kind, body: 'x', headers: { a: 'b' } }],
      ])
    },
  },
]
