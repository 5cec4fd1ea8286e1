import type { EventKey, Message } from 'server-events'
import type { Case } from '../case'
import type { Heard, Peer } from '../peer'
import { event, sameKey } from '../stage'
import { show } from '../support/show'
import type { Stage } from '../stage'
import { bodyDifference, headerDifference, keptDifference } from '../support/intact'
import { bytes, headers, mayBeRefused, sizeOf, sizes, strings } from '../support/bodies'
import { lookalikes, nastyIds, nastyNames, patterns } from '../support/nasty'
import { topicOf, topicsOf } from '../support/topics'

const key = { name: 'report', id: '1' }

/** Sends messages one after the other, from one transport to another, and gives what came of each. */
async function travel(stage: Stage, messages: readonly Message[]): Promise<[sent: Message, got: Message][]> {
  const subscriber = stage.peer()
  await stage.subscribe(subscriber, topicOf(subscriber, key))
  const publisher = await stage.publisher()
  const pairs: [Message, Message][] = []
  for (const message of messages) {
    const before = subscriber.heard.length
    await stage.value(`publish() of ${show(message)}`, publisher.transport.publish(key, message))
    await stage.eventually(() => subscriber.heard.length > before, {
      else: () => `${show(message)} was never delivered`,
    })
    const [heard] = subscriber.heard.slice(before)
    if (heard) pairs.push([message, heard.message])
  }
  return pairs
}

/** Each key's own message, and nothing of the others: on the transport that subscribed all of them. */
async function apart(stage: Stage, subscriber: Peer, keys: readonly EventKey[]): Promise<void> {
  const publisher = await stage.publisher()
  for (const [index, one] of keys.entries()) {
    const message = event(`for number ${index}`)
    await stage.value(`publish(${show(one)})`, publisher.transport.publish(one, message))
    const mine = ({ message: { body } }: Heard): boolean => body === message.body
    await stage.eventually(() => subscriber.heard.some(mine), {
      else: () => `a message for ${show(one)} was never delivered`,
    })
    for (const { key: got } of subscriber.heard.filter(mine))
      stage.check(sameKey(got, one), () => `delivered a message for ${show(one)} as one for ${show(got)}`)
  }
  stage.equal(subscriber.heard.length, keys.length, `published ${keys.length} messages, delivered`)
}

export const messages: readonly Case[] = [
  {
    title: 'an event arrives as an event, a failure as a failure',
    contract: 6,
    run: async (stage) => {
      const failure = '{"name":"Error","message":"no such report"}'
      const sent: Message[] = [event('an event'), { kind: 'failure', body: failure }, { kind: 'event', body: failure }]
      for (const [{ kind }, got] of await travel(stage, sent)) stage.equal(got.kind, kind, 'the kind')
    },
  },
  {
    title: 'strings arrive as they left',
    contract: 6,
    run: async (stage) => {
      const sent = strings.map((body): Message => ({ kind: 'event', body }))
      for (const [{ body }, got] of await travel(stage, sent)) {
        const wrong = bodyDifference(body, got.body)
        stage.check(wrong === undefined, () => `published ${show(body)}: ${String(wrong)}`)
      }
    },
  },
  {
    title: 'bytes arrive as bytes',
    contract: 6,
    run: async (stage) => {
      const sent = bytes.map((body): Message => ({ kind: 'event', body }))
      for (const [{ body }, got] of await travel(stage, sent)) {
        const wrong = bodyDifference(body, got.body)
        stage.check(wrong === undefined, () => `published ${show(body)}: ${String(wrong)}`)
      }
    },
  },
  {
    title: 'headers travel, also unknown ones',
    contract: 6,
    run: async (stage) => {
      const sent: Message[] = [
        event('without'),
        event('empty', { headers: {} }),
        ...headers.map((some) => event('with', { headers: some })),
        { kind: 'event', body: Uint8Array.from([0, 255]), headers: { a: 'of bytes' } },
        { kind: 'failure', body: '{"name":"Error","message":"no"}', headers: { a: 'of a failure' } },
      ]
      for (const [message, got] of await travel(stage, sent)) {
        const wrong = headerDifference(message, got)
        stage.check(wrong === undefined, () => String(wrong))
      }
    },
  },
  {
    title: 'whether a message is kept is told truly, or not at all',
    contract: 6,
    run: async (stage) => {
      const sent = [event('kept', { kept: true }), event('not kept', { kept: false }), event('nothing said')]
      for (const [{ kept }, got] of await travel(stage, sent)) {
        const wrong = keptDifference(kept, got.kept)
        stage.check(wrong === undefined, () => String(wrong))
      }
    },
  },
  {
    title: 'any size arrives whole, or is refused with PayloadTooLargeError',
    contract: 'Message.body',
    run: async (stage) => {
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, topicOf(subscriber, key))
      const publisher = await stage.publisher()
      for (const body of sizes()) {
        const before = subscriber.heard.length
        const what = sizeOf(body)
        const published = publisher.transport.publish(key, { kind: 'event', body })
        if (!(await stage.resolvesOr(mayBeRefused(body), `publish() of ${what}`, published))) continue
        await stage.eventually(() => subscriber.heard.length > before, {
          else: () => `accepted ${what} and never delivered it`,
        })
        const got = subscriber.heard[before]?.message.body ?? ''
        stage.check(bodyDifference(body, got) === undefined, `${what} arrived as something else of ${got.length}`)
      }
      await stage.sentinel(publisher, key, subscriber)
    },
  },
  {
    title: 'it is taken as it is when publish is called',
    contract: 6,
    run: async (stage) => {
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, topicOf(subscriber, key))
      for (const publisher of [await stage.publisher(), stage.peer()]) {
        const body = Buffer.from('as it was')
        const published = publisher.transport.publish(key, { kind: 'event', body })
        body.fill('x')
        await stage.value('publish() of bytes', published)
        await stage.sentinel(publisher, key, subscriber)
      }
      const heard = subscriber.bodies.filter((body) => !body.includes('sentinel'))
      stage.equal(heard, ['as it was', 'as it was'], 'of bytes that changed after the call, delivered')
    },
  },
  {
    title: 'nasty names are nothing special',
    contract: 6,
    run: async (stage) => {
      const subscriber = stage.peer()
      const keys = nastyNames.map((name) => ({ name, id: '1' }))
      await stage.subscribe(subscriber, ...keys.map((one) => topicOf(subscriber, one)))
      await apart(stage, subscriber, keys)
    },
  },
  {
    title: 'nasty ids are nothing special',
    contract: 6,
    run: async (stage) => {
      const subscriber = stage.peer()
      const keys = nastyIds.map((id) => ({ name: 'report', id }))
      await stage.subscribe(subscriber, ...topicsOf(subscriber, keys))
      await apart(stage, subscriber, keys)
    },
  },
  {
    title: 'a name or an id is not a pattern',
    contract: 'Transport.subscribe',
    run: async (stage) => {
      const subscriber = stage.peer()
      const pairs = patterns.flatMap(({ pattern, matches }) => [
        { subscribed: { name: pattern, id: '1' }, published: { name: matches, id: '1' } },
        ...(subscriber.transport.routing === 'id'
          ? [{ subscribed: { name: 'report', id: pattern }, published: { name: 'report', id: matches } }]
          : []),
      ])
      await stage.subscribe(subscriber, ...pairs.map(({ subscribed }) => topicOf(subscriber, subscribed)))
      const publisher = await stage.publisher()
      const witness = await stage.subscriber(...pairs.map(({ published }) => topicOf(subscriber, published)))
      for (const { published } of pairs) await stage.sentinel(publisher, published, witness)
      for (const { subscribed } of pairs) await stage.sentinel(publisher, subscribed, subscriber)
      const subscribed = pairs.map((pair) => pair.subscribed)
      const wrong = subscriber.heard.find(({ key: got }) => !subscribed.some((one) => sameKey(one, got)))
      stage.check(wrong === undefined, () => `delivered ${show(wrong?.key)}, which only a pattern would cover`)
    },
  },
  {
    title: "('a', 'b:c') and ('a:b', 'c') are two",
    contract: 6,
    run: async (stage) => {
      const separators = [':', '.', '/', '-', '_', ' ', '\n', '%25']
      const mine = separators.map((separator) => ({ name: 'a', id: `b${separator}c` }))
      const theirs = separators.map((separator) => ({ name: `a${separator}b`, id: 'c' }))
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, ...topicsOf(subscriber, mine))
      const witness = await stage.subscriber(...theirs.map((one) => topicOf(subscriber, one)))
      const publisher = await stage.publisher()
      for (const one of theirs) await stage.sentinel(publisher, one, witness)
      for (const one of mine) await stage.sentinel(publisher, one, subscriber)
      for (const [{ heard }, keys] of [
        [subscriber, mine],
        [witness, theirs],
      ] as const) {
        const wrong = heard.find(({ key: got }) => !keys.some((one) => sameKey(one, got)))
        stage.check(wrong === undefined, () => `delivered ${show(wrong?.key)} where only ${show(keys)} are subscribed`)
      }
    },
  },
  {
    title: 'of two keys that look alike only the one that is subscribed is delivered',
    contract: 'Transport.subscribe',
    run: async (stage) => {
      const subscriber = stage.peer()
      const pairs = lookalikes.flatMap(([one, other]) => [
        [
          { name: one, id: '1' },
          { name: other, id: '1' },
        ] as const,
        ...(subscriber.transport.routing === 'id'
          ? [
              [
                { name: 'report', id: one },
                { name: 'report', id: other },
              ] as const,
            ]
          : []),
      ])
      const [mine, theirs] = [pairs.map(([one]) => one), pairs.map(([, other]) => other)]
      await stage.subscribe(subscriber, ...mine.map((one) => topicOf(subscriber, one)))
      const witness = await stage.subscriber(...theirs.map((one) => topicOf(subscriber, one)))
      const publisher = await stage.publisher()
      for (const one of theirs) await stage.sentinel(publisher, one, witness)
      for (const one of mine) await stage.sentinel(publisher, one, subscriber)
      for (const [{ heard }, keys] of [
        [subscriber, mine],
        [witness, theirs],
      ] as const) {
        const wrong = heard.find(({ key: got }) => !keys.some((one) => sameKey(one, got)))
        stage.check(
          wrong === undefined,
          () => `delivered ${show(wrong?.key)}, which only looks like what is subscribed`,
        )
      }
    },
  },
]
