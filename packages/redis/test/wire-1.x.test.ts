import { InvalidArgumentError, SerializationError, UnsupportedError } from 'server-events'
import type { Message } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import { modesOf } from '../src/wire/modes'
import type { Modes } from '../src/wire/modes'
import { payloadOf1x, read1x } from '../src/wire/v1'
import { RecordingReceiver, event } from './support'

const key = { name: 'pi event', id: '314' }
const dialect = (wire: '2' | '1.x' | 'both'): Modes => modesOf({ prefix: 'se:', channels: 'pattern', wire })

function read(name: string, channel: string, payload: unknown): RecordingReceiver {
  const receiver = new RecordingReceiver()
  read1x(name, channel, typeof payload === 'string' ? payload : JSON.stringify(payload), receiver)
  return receiver
}

describe('what is emitted', () => {
  test('is an array of name, id and args on a raw channel', () => {
    const { encode, channelOf } = dialect('1.x')
    const [odd, message] = [{ name: 'a:b%', id: 'c:d' }, event('["x",{"y":1}]', { headers: { a: 'b' } })]
    const outgoing = encode(odd, message)
    expect(outgoing).toEqual({ home: undefined, text: '["a:b%","c:d","x",{"y":1}]', lone: true })
    expect(channelOf(odd, outgoing)).toBe('a:b%:c:d')
    expect(payloadOf1x(key, event('[]'))).toBe('["pi event","314"]')
    expect(payloadOf1x(key, event(' [ 12345678901234567890 ] '))).toBe('["pi event","314",12345678901234567890]')
  })

  test.each([new Uint8Array(2), '{}', '"text"', '', 'x', '[1'])('%p has no place in it', (body) => {
    expect(() => payloadOf1x(key, event(body as string))).toThrow(UnsupportedError)
  })

  test('a failure travels in wire 2, and "both" emits wire 2', () => {
    const failure: Message = { kind: 'failure', body: '{}' }
    const { encode, channelOf } = dialect('1.x')
    const outgoing = encode(key, failure)
    expect(outgoing).toEqual({ home: undefined, text: 'f314\t\t{}', lone: false })
    expect(channelOf(key, outgoing)).toBe('se:pi event:')
    const both = dialect('both')
    expect(both.channelOf(key, both.encode(key, event('[]')))).toBe('se:pi event:')
  })
})

describe('what is heard', () => {
  test('is delivered, a numeric id as its string', () => {
    const { delivered } = read('pi event', 'pi event:314', ['pi event', 314, 'a', { b: 1 }])
    expect(delivered).toEqual([{ key, message: { kind: 'event', body: '["a",{"b":1}]' } }])
    expect(delivered[0]!.message).not.toHaveProperty('kept')
  })

  test('the payload decides to whom an ambiguous channel belongs', () => {
    const payload = ['a', 'b:c', 1]
    expect(read('a', 'a:b:c', payload).ids).toEqual(['b:c'])
    expect(read('a:b', 'a:b:c', payload).calls).toEqual([])
    expect(read('a', 'a:b:c', ['a:b', 'c', 1]).calls).toEqual([])
    expect(read('a:b', 'a:b:c', ['a:b', 'c', 1]).ids).toEqual(['c'])
  })

  test('wire 2 under a prefix that begins like the name is none of it', () => {
    expect(read('se', 'se:other:', 'se2\ne1\t\t[]').calls).toEqual([])
  })

  test('what nobody wants is not delivered', () => {
    const receiver = new RecordingReceiver()
    receiver.wanted = () => false
    read1x('a', 'a:1', '["a",1]', receiver)
    expect(receiver.calls).toEqual([])
  })

  test.each([
    'x', '', '{}', '{"name":"a"}', 'null', '1', '"a"', '[]', '["a"]', '[1,"a"]', '["a",null]', '["a",{}]', '["a",true]',
    '["a","2"]', '["b","1"]', '["a","1"', '\0',
  ])('%j is reported once, by name', (payload) => {
    const { calls } = read('a', 'a:1', payload)
    expect(calls).toEqual([{ type: 'error', store: 'outputStore', error: expect.any(SerializationError) }])
    expect((calls[0] as { error: Error }).error.message).toContain('"a"')
  }) // prettier-ignore
})

describe('two wires on one server', () => {
  test('two patterns for a name, never the same', () => {
    const patterns = (wire: '2' | '1.x' | 'both', name: string): readonly string[] =>
      dialect(wire).route({ name }, new RecordingReceiver()).asked
    expect(patterns('2', 'a:*')).toEqual(['se:a%3A\\*:*'])
    expect(patterns('1.x', 'a:*')).toEqual(['se:a%3A\\*:*', 'a:\\*:*'])
    expect(patterns('both', 'a:*')).toEqual(['se:a%3A\\*:*', 'a:\\*:*'])
  })

  test('a name that begins with the prefix would share channels with another: refused', () => {
    const { encode, check } = dialect('both')
    expect(() => encode({ name: 'se:a', id: '1' }, event('[]'))).toThrow(UnsupportedError)
    expect(() => check('se:a')).toThrow(UnsupportedError)
    expect(() => new RedisTransport({ prefix: '', wire: '1.x' })).toThrow(InvalidArgumentError)
  })

  test.each(['name', 'id'] as const)('1.x hears and is heard on its own channels only: no channels %p', (channels) => {
    for (const wire of ['1.x', 'both'] as const)
      expect(() => new RedisTransport({ channels, wire })).toThrow(/option channels must be "pattern" with wire/)
    expect(new RedisTransport({ channels, wire: '2' }).routing).toBe(channels)
  })

  test('1.x on a pattern of wire 2 is not garbage where 1.x is heard', () => {
    const receiver = new RecordingReceiver()
    const read = (wire: '2' | 'both'): void =>
      dialect(wire).route({ name: 'a' }, receiver).read('se:a:*', 'se:a:1', '["se","a:1"]')
    read('both')
    expect(receiver.calls).toEqual([])
    read('2')
    expect(receiver.errors()).toHaveLength(1)
  })
})
