import { encodeEvent } from 'server-events/transport-kit'
import type { Message } from 'server-events'
import { Assembly, framesOf, LONGEST_EVENT } from '../src/wire/frames'
import { addressOf, Channels, keyOf } from '../src/wire/names'

const message: Message = { kind: 'event', body: 'x' }

function assembled(payloads: readonly string[]): string[] {
  const assembly = new Assembly()
  return payloads.flatMap((payload) => assembly.add(1, payload))
}

test('events of a channel travel together as far as they fit, in their order, and large ones in pieces', () => {
  const texts = ['a', 'b', 'c'.repeat(20_000), 'd', 'e'.repeat(7_899)]
  const { channels, payloads, next } = framesOf(
    texts.map((text) => ({ channel: 'one', text })),
    35,
  )
  expect(channels).toEqual(payloads.map(() => 'one'))
  expect(payloads.every(({ length }) => length < 8_000)).toBe(true)
  expect(payloads.map((payload) => payload.slice(0, 8))).toEqual([
    '1 z 0 1 ',
    '1 10 0 3',
    '1 10 1 3',
    '1 10 2 3',
    '1 11 0 1',
    '1 12 0 1',
  ])
  expect(next).toBe(39)
  expect(assembled(payloads)).toEqual(texts)
})

test('equal events are never equal payloads: PostgreSQL would drop one', () => {
  const large = { channel: 'one', text: 'x'.repeat(7_900) }
  const { payloads } = framesOf([large, large], 0)
  expect(new Set(payloads).size).toBe(2)
})

test('the longest event is taken, and read', () => {
  const text = 'x'.repeat(LONGEST_EVENT)
  expect(assembled(framesOf([{ channel: 'one', text }], 0).payloads)).toEqual([text])
})

test.each([
  '',
  'hello',
  '1 z 0 1',
  '1 z 1 2 the second without the first',
  '1 z 0 0 none',
  '1 z 2 2 behind the last',
  '1 z 0 99999 more than there can be',
  '1 Z 0 1 x',
])('what is no piece is unreadable: %p', (payload) => {
  expect(() => new Assembly().add(1, payload)).toThrow(expect.objectContaining({ code: 'ERR_SERIALIZATION' }))
})

test('a piece that does not follow the one before ends what was begun, and what is begun anew is read', () => {
  const assembly = new Assembly()
  const { payloads } = framesOf([{ channel: 'one', text: 'x'.repeat(16_000) }], 0)
  assembly.add(1, payloads[0]!)
  expect(() => assembly.add(1, payloads[2]!)).toThrow('cannot be read')
  expect(() => assembly.add(1, payloads[1]!)).toThrow('cannot be read')
  expect(payloads.flatMap((payload) => assembly.add(1, payload))).toEqual(['x'.repeat(16_000)])
})

test('a later version is told as such', () => {
  expect(() => new Assembly().add(1, '2 z 0 1 x')).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }))
})

test.each([
  { name: 'report', id: '42' },
  { name: 'a"b\\', id: '\\"},{' },
  { name: 'é\u2028', id: '\n\t\u0000' },
])('an event is told whom it is for without being read: %p', (key) => {
  expect(addressOf(encodeEvent(key, message))).toEqual(key)
})

test('what begins otherwise is not', () => {
  expect(addressOf('{"id":"42","name":"report"}')).toBeUndefined()
  expect(addressOf(`{"name":"${'\\'.repeat(100_000)}`)).toBeUndefined()
  expect(addressOf('{"name":"\\x","id":"42",')).toBeUndefined()
})

test('channels are of at most 63 bytes and never shared; keys of outcomes neither', () => {
  const channels = new Channels('se')
  const long = ['x'.repeat(500), `${'x'.repeat(499)}y`, '"; DROP TABLE x', 'é'.repeat(200)].map((name) =>
    channels.of(name),
  )
  expect(new Set(long).size).toBe(4)
  for (const channel of long) expect(channel).toMatch(/^[-\w.=~]{1,63}$/)
  expect(channels.of('report')).toBe('se.report')
  expect(keyOf('se', { name: 'a', id: 'b:c' })).not.toEqual(keyOf('se', { name: 'a:b', id: 'c' }))
})
