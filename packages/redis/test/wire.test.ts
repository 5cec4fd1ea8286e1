import { SerializationError, UnsupportedError } from 'server-events'
import type { Message } from 'server-events'
import { modesOf } from '../src/wire/modes'
import { channelOf, decodeName, encodeName, escapeGlob, joinLines, lineOf, readFrame } from '../src/wire/v2'
import { RecordingReceiver, event } from './support'

const nasty = [
  'plain', ':', 'a:b', '*', '?', '[x]', '[^a]', '{}', '{a}', '%', '%3A', '%%', '\\', '\n', '\r\n', '\t', '\0', 'é', '🦕', 'a🦕b',
  '__proto__', 'constructor', ' ', 'x'.repeat(512), 'ß'.repeat(256), '\u2028', '\ufeff', '\u001f\u007f',
] // prettier-ignore

function read(name: string, frame: string, suffix = '', receiver = new RecordingReceiver()): RecordingReceiver {
  readFrame(name, suffix, frame, receiver)
  return receiver
}

describe('names and ids', () => {
  test.each(nasty)('%j comes back', (text) => {
    const encoded = encodeName(text)
    expect(encoded).not.toMatch(/[:{}\u0000-\u001f]/)
    expect(decodeName(encoded)).toBe(text)
  })

  test('no two share an encoding', () => {
    expect(new Set(nasty.map(encodeName)).size).toBe(nasty.length)
  })

  test.each(['%', '%3', '%3a', '%zz', '%41', 'a:b', '%FF', '%C3%A9', 'a\tb'])('%j is refused', (text) => {
    expect(decodeName(text)).toBeUndefined()
  })

  test('the wire is as documented', () => {
    expect(channelOf('se:', 'a:b%{c}\n')).toBe('se:a%3Ab%25%7Bc%7D%0A:')
    expect(escapeGlob('se:a*b?[c]\\:')).toBe('se:a\\*b\\?\\[c\\]\\\\:')
    expect(
      joinLines([lineOf({ name: 'n', id: 'a:1' }, event('[1]')), lineOf({ name: 'n', id: '2' }, event('[2]'))]),
    ).toBe('se2\nea%3A1\t\t[1]\ne2\t\t[2]')
    const line = (message: Message): string => lineOf({ name: 'n', id: '7' }, message)
    expect(line(event('[]', { kept: true }))).toBe('E7\t\t[]')
    expect(line(event('[]', { headers: { a: 'b\t' } }))).toBe('e7\t{"a":"b\\t"}\t[]')
    expect(line(event('a\nb'))).toBe('q7\t\t"a\\nb"')
    expect(line(event('a\nb', { kept: true }))).toBe('Q7\t\t"a\\nb"')
    expect(line({ kind: 'event', body: new Uint8Array([1, 2, 255]) })).toBe('b7\t\tAQL/')
    expect(line({ kind: 'failure', body: '{"message":"no"}' })).toBe('f7\t\t{"message":"no"}')
    expect(line({ kind: 'failure', body: '{}', kept: true })).toBe('F7\t\t{}')
  })
})

describe('messages', () => {
  const bodies: (string | Uint8Array)[] = [
    '', '[]', 'a\tb\t', 'a\nb', '\n', '\r', '"', '\ud800', 'x\udc00\n', '🦕', '\0', 'se2\n', 'x'.repeat(300_000),
    new Uint8Array(), new Uint8Array([0]), Uint8Array.from({ length: 256 }, (_, i) => i), new Uint8Array([1, 2, 3, 4]).subarray(1, 3),
  ] // prettier-ignore
  const variants: Partial<Message>[] = [
    { kept: false },
    { kept: true },
    { kept: false, headers: {} },
    { kept: true, headers: { traceparent: '00-1-2-01', odd: '\t\n"\\ 🦕', ['__proto__']: 'x' } },
  ]

  test('arrive as they left, whatever the body, the headers and the id', () => {
    for (const body of bodies) {
      for (const variant of variants) {
        const id = nasty[(body.length + 3) % nasty.length]!
        const message = event(body as string, variant)
        const { delivered, calls } = read('n', joinLines([lineOf({ name: 'n', id }, message)]))
        expect(delivered).toStrictEqual([{ key: { name: 'n', id }, message }])
        expect(calls).toHaveLength(1)
      }
    }
  })

  test('a failure arrives as one', () => {
    const message: Message = { kind: 'failure', body: '{"name":"Error"}', kept: true, headers: { a: 'b' } }
    expect(read('n', joinLines([lineOf({ name: 'n', id: '1' }, message)])).delivered).toStrictEqual([
      { key: { name: 'n', id: '1' }, message },
    ])
  })

  test('a failure that is not one line of text is refused', () => {
    for (const body of ['a\nb', new Uint8Array(1)])
      expect(() => lineOf({ name: 'n', id: '1' }, { kind: 'failure', body })).toThrow(UnsupportedError)
  })

  test('all of a frame are delivered in order, unwanted ones are not parsed', () => {
    const receiver = new RecordingReceiver()
    receiver.wanted = ({ id }) => id !== '2'
    read('n', 'se2\ne1\t\t[1]\ne2\tnot even headers\ne3\t\t[3]', '', receiver)
    expect(receiver.ids).toEqual(['1', '3'])
    expect(receiver.errors()).toEqual([])
  })

  test('an empty frame is none', () => {
    expect(read('n', 'se2').calls).toEqual([])
  })

  test('a frame on a channel with an id holds that id only', () => {
    expect(read('n', 'se2\ne1\t\t[]', '1').ids).toEqual(['1'])
    const other = read('n', 'se2\ne2\t\t[]', '1')
    expect(other.ids).toEqual([])
    expect(other.errors()).toEqual([expect.any(SerializationError)])
  })

  test('a raw colon in the id part: someone else, with a longer prefix', () => {
    expect(read('n', 'se2\ne1\t\t[]', 'x:').calls).toEqual([])
    expect(read('n', 'anything', 'x:1').calls).toEqual([])
  })
})

describe('garbage', () => {
  const foreign = [
    '',
    's',
    'se',
    'hello',
    '{}',
    '[1]',
    'null',
    '\0\u0001\u001f',
    'se2x',
    'se2 \n',
    'SE2\n',
    'sex\n',
    ' se2\n',
    '\nse2\n',
  ]
  const lines = [
    'se2\n', 'se2\n\n', 'se2\ne', 'se2\ne1', 'se2\ne1\t', 'se2\ne1\t[1]', 'se2\ne\t\t[]', 'se2\nz1\t\t[]', 'se2\n1\t\t[]',
    'se2\ne1\tnot json\t[]', 'se2\ne1\t[]\t[]', 'se2\ne1\t"x"\t[]', 'se2\ne1\tnull\t[]', 'se2\ne1\t{"a":1}\t[]',
    'se2\nb1\t\t*', 'se2\nb1\t\tAQ', 'se2\nq1\t\tx', 'se2\nq1\t\t[]', 'se2\nq1\t\t1', 'se2\ne%zz\t\t[]', 'se2\ne%3a\t\t[]',
    'se2\nea:b\t\t[]', `se2\ne${'x'.repeat(513)}\t\t[]`, 'se2\n\t\t\t\t', 'se2\n🦕\t\t',
  ] // prettier-ignore

  test.each([...foreign, ...lines])('%j is reported once, by name, and nothing else', (frame) => {
    const { calls } = read('the event', frame)
    expect(calls).toEqual([{ type: 'error', store: 'outputStore', error: expect.any(SerializationError) }])
    expect((calls[0] as { error: Error }).error.message).toContain('"the event"')
  })

  test.each(['se1\n', 'se3\ne1\t\t[]', 'se10'])('%j: another version, said as such', (frame) => {
    const [error] = read('the event', frame).errors()
    expect(error).toBeInstanceOf(UnsupportedError)
    // The same for all of them, so that it is told once.
    expect(error!.message).toMatch(/"the event" is in another wire version than 2\b/)
    expect(error!.message).not.toContain(frame.trim().split('\n')[0])
  })

  test('a bad line does not swallow its neighbour', () => {
    for (const bad of ['e2', 'e2\t', 'z', '', 'e\t\t', 'x2\t\tof a later tag', 'k2\t\tkind', 'k2\t\tKind e']) {
      const receiver = read('n', `se2\ne1\t\t[1]\n${bad}\ne3\t\t[3]`)
      expect(receiver.ids).toEqual(['1', '3'])
      expect(receiver.errors()).toHaveLength(1)
    }
  })

  test('a frame cut anywhere delivers only messages that stood in it, and reports at most once', () => {
    const frame = joinLines(
      ['1', '2', '3'].map((id) => lineOf({ name: 'n', id }, event('["body"]', { headers: { a: id } }))),
    )
    for (let end = 0; end < frame.length; end++) {
      const receiver = read('n', frame.slice(0, end))
      expect(receiver.errors().length).toBeLessThanOrEqual(1)
      expect(['1', '2', '3'].join()).toContain(receiver.ids.join())
    }
  })

  test('bytes at random never throw', () => {
    let seed = 42
    const random = (below: number): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below
    const pieces = [
      'se2',
      '\n',
      '\t',
      'e',
      'E',
      'q',
      'b',
      'f',
      'k',
      'question e',
      '1',
      '%',
      ':',
      '{',
      '"',
      '[]',
      '\0',
      '🦕',
      '\ud800',
    ]
    for (let run = 0; run < 5_000; run++) {
      const frame =
        (run % 2 ? 'se2\n' : '') + Array.from({ length: random(30) }, () => pieces[random(pieces.length)]).join('')
      const receiver = read('n', frame)
      expect(receiver.errors().length).toBeLessThanOrEqual(1)
      for (const { key } of receiver.delivered) expect(key.id).not.toBe('')
    }
  })

  test('nothing of the payload is told', () => {
    const receiver = read('n', 'se2\ne1\t{"secret":1}\tsecret')
    read('n', 'secret', '', receiver)
    for (const error of receiver.errors()) expect(JSON.stringify([error.message, error])).not.toContain('secret')
  })
})

test('what is subscribed of wire 2: of a pattern, what matches the name only', () => {
  const asked = (channels: 'pattern' | 'name' | 'id', id?: string): readonly string[] =>
    modesOf({ prefix: 'se:', channels, wire: '2' }).route(
      { name: 'a*[b]:\\', ...(id !== undefined && { id }) },
      new RecordingReceiver(),
    ).asked
  expect(asked('pattern')).toEqual(['se:a\\*\\[b\\]%3A\\\\:*'])
  expect(asked('name')).toEqual(['se:a*[b]%3A\\:'])
  expect(asked('id')).toEqual(asked('pattern'))
  expect(asked('id', '*:')).toEqual(['se:a*[b]%3A\\:*%3A'])
})
