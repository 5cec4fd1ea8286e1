import { framesOf } from '../src/frames'
import type { Emit } from '../src/outbox'

let count = 0
function emit(name: string, text = `e${++count}\t\t[]`, alone = false): Emit {
  return {
    key: { name, id: String(count) },
    event: { channel: alone ? `${name}:${count}` : `${name}:`, text, alone },
    kept: undefined,
    removes: undefined,
    due: 0,
    resolve: () => {},
    reject: () => {},
    writtenOn: undefined,
    writtenAt: 0,
    notStored: undefined,
    storing: false,
    publishing: false,
  }
}
const removal = (name: string): Emit => ({ ...emit(name), event: undefined, removes: `kept:${name}` })
const sizes = (emits: readonly Emit[], batch = true): number[] =>
  framesOf(emits, batch).map((frame) => frame.emits.length)

test('events of one name share a frame, names do not', () => {
  const frames = framesOf([emit('a', 'ea1\t\t[]'), emit('b', 'eb1\t\t[]'), emit('a', 'ea2\t\t[]')], true)
  expect(frames.map(({ channel, payload }) => [channel, payload])).toEqual([
    ['a:', 'se2\nea1\t\t[]\nea2\t\t[]'],
    ['b:', 'se2\neb1\t\t[]'],
  ])
})

test('a frame ends at 512 events', () => {
  expect(sizes(Array.from({ length: 1_025 }, () => emit('a')))).toEqual([512, 512, 1])
})

test('a frame ends at 256 KiB of UTF-8; a larger event travels alone, in order', () => {
  const half = 'é'.repeat(64 * 1024 - 1)
  expect(sizes([emit('a', half), emit('a', half), emit('a', 'xxx')])).toEqual([2, 1])
  const huge = 'x'.repeat(300_000)
  const emits = [emit('a'), emit('a', huge), emit('a')]
  const frames = framesOf(emits, true)
  expect(frames.flatMap((frame) => frame.emits)).toEqual(emits)
  expect(frames.map((frame) => frame.emits.length)).toEqual([1, 1, 1])
})

test('without batch an event is a frame', () => {
  expect(sizes([emit('a'), emit('a'), emit('b')], false)).toEqual([1, 1, 1])
})

test('what goes alone is neither merged nor overtaken', () => {
  const emits = [emit('a'), emit('a'), emit('a', '["a",1]', true), emit('a'), emit('a')]
  const frames = framesOf(emits, true)
  expect(frames.map((frame) => frame.emits.length)).toEqual([2, 1, 2])
  expect(frames.flatMap((frame) => frame.emits)).toEqual(emits)
  expect(frames[1]!.payload).toBe('["a",1]')
})

test('nothing makes no frame', () => {
  expect(framesOf([], true)).toEqual([])
})

test('a removal travels alone, and nothing of its name passes it', () => {
  const frames = framesOf([emit('a', 'e1\t\t[]'), removal('a'), emit('b', 'e2\t\t[]'), emit('a', 'e3\t\t[]')], true)
  expect(frames.map(({ channel, payload }) => [channel, payload])).toEqual([
    ['a:', 'se2\ne1\t\t[]'],
    ['kept:a', undefined],
    ['b:', 'se2\ne2\t\t[]'],
    ['a:', 'se2\ne3\t\t[]'],
  ])
})
