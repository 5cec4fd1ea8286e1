import { channelName, decodeEvent, encodeEvent, transportOf } from 'server-events/transport-kit'
import { Faults, ToyDriver } from './toy-driver'

describe('the text of an event', () => {
  test('is one line of ASCII, and comes back as it was', () => {
    const key = { name: 'é\n\0', id: '💥' }
    const messages = [
      { kind: 'event', body: 'a\nb\u2028\ud800\0é' },
      { kind: 'failure', body: new Uint8Array([0, 255]), headers: { __proto__: 'x', ü: '\0' }, kept: true },
      { kind: 'of a later version', body: '' },
    ] as const
    for (const message of messages) {
      const text = encodeEvent(key, message as never)
      expect(text).toMatch(/^[\x20-\x7e]+$/)
      expect(decodeEvent(text)).toEqual({ key, message })
    }
  })

  test('a part of a larger buffer is that part only', () => {
    const body = new Uint8Array([1, 2, 3, 4]).subarray(1, 3)
    const { message } = decodeEvent(encodeEvent({ name: 'n', id: 'i' }, { kind: 'event', body }))
    expect(message.body).toEqual(new Uint8Array([2, 3]))
  })

  test.each([
    '',
    'x',
    'null',
    '1',
    '[]',
    '{}',
    '{"name":"n","id":1,"kind":"event","text":""}',
    '{"name":"n","id":"i","kind":"event"}',
    '{"name":"n","id":"i","kind":"event","text":"","headers":{"a":1}}',
  ])('that is none is refused, and not repeated: %s', (text) => {
    expect(() => decodeEvent(text)).toThrow(expect.objectContaining({ code: 'ERR_SERIALIZATION' }))
  })
})

describe('a channel name', () => {
  test('is safe, and different for different parts', () => {
    expect(channelName(['se', 'a.b', 'ü*'])).toBe('se.a=2Eb.=C3=BC=2A')
    expect(channelName(['a', 'b.c'])).not.toBe(channelName(['a.b', 'c']))
  })

  test('that would be too long ends in a hash', () => {
    const long = (end: string): string => channelName(['n'.repeat(100), end], 63)
    expect(long('1')).toHaveLength(63)
    expect(long('1')).toBe(long('1'))
    expect(long('1')).not.toBe(long('2'))
    expect(() => channelName(['a'], 39)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })
})

test.each([
  [{ heartbeat: -1 }, 'option heartbeat must be an integer of ms, at least 0'],
  [{ maxUnanswered: 0 }, 'option maxUnanswered must be an integer of bytes, at least 1'],
  [{ maxQueud: 1 }, 'unknown option "maxQueud": the options of a driver belong to the driver'],
  [null, 'the options of a transport must be an object, not object'],
])('options are checked: %j', (options, message) => {
  expect(() => transportOf(new ToyDriver(new Faults()), options as never)).toThrow(message)
})
