import type { EventKey, Message } from 'server-events'
import type { Case } from '../case'
import type { Heard, Peer } from '../peer'
import { event, sameKey, show } from '../stage'
import type { Stage } from '../stage'
import { bodyDifference, headerDifference, keptDifference } from './intact'
import { nastyIds, nastyNames, patterns } from './nasty'
import { topicOf } from './topics'

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

const bodies: readonly string[] = [
  '', '[]', ' [1] ', 'two\nlines', '\r\n\t\0\u001f', '"quoted" \\ back', 'é e\u0301 ß 日本語 🦕 \u{10ffff}', '\ufeff[1]', '\u2028\u2029\u0085', 'not JSON {',
] // prettier-ignore

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
      const sent = bodies.map((body): Message => ({ kind: 'event', body }))
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
      const all = Uint8Array.from({ length: 256 }, (_, index) => index)
      const sent = [
        all,
        all.subarray(7, 40),
        new Uint8Array(),
        Buffer.from('text'),
        Uint8Array.from([0xc3, 0x28, 0xff]),
      ]
      for (const [{ body }, got] of await travel(
        stage,
        sent.map((bytes): Message => ({ kind: 'event', body: bytes })),
      )) {
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
        event('with', {
          headers: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'a=1,b=2' },
        }),
        event('without'),
        event('nasty', {
          headers: { constructor: 'x', 'X-Other': ': ; = " \\', empty: '', unicode: 'é🦕', lines: 'a\r\nb: c\n\nd' },
        }),
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
    contract: 6,
    run: async (stage) => {
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, topicOf(subscriber, key))
      const publisher = await stage.publisher()
      // From 64 KiB on a server may have limits.
      for (const size of [1, 1_000, 60_000, 2 ** 16 + 1, 2 ** 18 + 1, 2 ** 20]) {
        for (const body of ['x'.repeat(size), 'é'.repeat(size / 2), new Uint8Array(size).fill(255)]) {
          const before = subscriber.heard.length
          const what = `${typeof body === 'string' ? 'a string' : 'bytes'} of ${body.length}`
          const refusals = size > 2 ** 16 ? ['ERR_PAYLOAD_TOO_LARGE'] : []
          const published = publisher.transport.publish(key, { kind: 'event', body })
          if (!(await stage.resolvesOr(refusals, `publish() of ${what}`, published))) continue
          await stage.eventually(() => subscriber.heard.length > before, {
            else: () => `accepted ${what} and never delivered it`,
          })
          const got = subscriber.heard[before]?.message.body ?? ''
          stage.check(bodyDifference(body, got) === undefined, `${what} arrived as something else of ${got.length}`)
        }
      }
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
      const topics = subscriber.transport.routing === 'id' ? keys : [{ name: 'report' }]
      await stage.subscribe(subscriber, ...topics)
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
      await stage.subscribe(subscriber, ...(subscriber.transport.routing === 'id' ? mine : [{ name: 'a' }]))
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
]
