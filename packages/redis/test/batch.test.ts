import { ConnectionError, homeOf, NotKeptError } from 'server-events'
import type { EventKey } from 'server-events'
import { Batch } from '../src/publish/batch'
import type { Host } from '../src/publish/batch'
import type { Frame } from '../src/publish/frame'
import type { Outgoing } from '../src/wire/modes'
import { outcome } from './support'

const collecting = (made: Frame[]): Host => ({ made: (frame) => made.push(frame), closed: () => {}, full: () => {} })
let count = 0
const channelOf = ({ name, id }: EventKey, { home = '', lone }: Outgoing): string => `${name}:${lone ? id : home}`
const line = (text: string, home?: string): Outgoing => ({ home, text, lone: false })
const alone = (text: string): Outgoing => ({ home: undefined, text, lone: true })
interface Emitted {
  readonly name: string
  readonly text: string
  readonly isAlone: boolean
}
const emit = (name: string, text = `e${++count}\t\t[]`, isAlone = false): Emitted => ({ name, text, isAlone })

/** The frames that a tick makes of these. */
function frames(emits: readonly Emitted[], shares = true): Frame[] {
  const made: Frame[] = []
  const batch = new Batch(channelOf, shares, collecting(made))
  for (const { name, text, isAlone } of emits) {
    const key = { name, id: String(++count) }
    void batch.frameFor(key, isAlone ? alone(text) : line(text)).add(text)
  }
  return made
}
const sizes = (emits: readonly Emitted[], shares = true): number[] => frames(emits, shares).map(({ size }) => size)
const lines = (made: readonly Frame[]): string[] => made.flatMap(({ payload }) => payload.split('\n').slice(1))

test('events of one name share a frame, names do not', () => {
  const made = frames([emit('a', 'ea1\t\t[]'), emit('b', 'eb1\t\t[]'), emit('a', 'ea2\t\t[]')])
  expect(made.map(({ channel, payload }) => [channel, payload])).toEqual([
    ['a:', 'se2\nea1\t\t[]\nea2\t\t[]'],
    ['b:', 'se2\neb1\t\t[]'],
  ])
})

test('a frame ends at 512 events, the first ones of a tick before, and each tick begins anew', () => {
  const full = jest.fn()
  const made: Frame[] = []
  const batch = new Batch(channelOf, true, { ...collecting(made), full })
  for (let tick = 0; tick < 2; tick++) {
    for (let i = 0; i < 1_025; i++) void batch.frameFor({ name: 'a', id: `${i}` }, line('e')).add('e')
    expect(full).toHaveBeenCalledTimes(4 * (tick + 1))
    expect(made.splice(0).map(({ size, open }) => [size, open])).toEqual([
      [64, false],
      [128, false],
      [256, false],
      [512, false],
      [65, true],
    ])
    batch.end()
  }
})

test('of a full frame is told when only the last one of its name is still open', () => {
  const made: Frame[] = []
  const closed: string[][] = []
  const batch = new Batch(channelOf, true, {
    ...collecting(made),
    full: () => closed.push(made.filter(({ open }) => !open).map(({ lane, size }) => `${lane} ${size}`)),
  })
  const add = (name: string): void => void batch.frameFor({ name, id: '1' }, line('e')).add('e')
  add('a')
  void batch.frameFor({ name: 'a', id: '1' }, alone('f')).add('f')
  for (let i = 0; i < 65; i++) add('b')
  expect(closed).toEqual([['a 1', 'a 1', 'b 64']])
})

test('a frame ends at 256 KiB of UTF-8; a larger event travels alone, in order', () => {
  const half = 'é'.repeat(64 * 1024 - 1)
  expect(sizes([emit('a', half), emit('a', half), emit('a', 'xxx')])).toEqual([2, 1])
  const huge = 'x'.repeat(300_000)
  const emits = [emit('a'), emit('a', huge), emit('a')]
  const made = frames(emits)
  expect(lines(made)).toEqual(emits.map(({ text }) => text))
  expect(made.map(({ size }) => size)).toEqual([1, 1, 1])
})

test('it is filled to the byte, whether its lines had to be measured or not', () => {
  const kibibyte = 'x'.repeat(1023)
  // The frames before have as many events as they may.
  expect(sizes(Array.from({ length: 64 + 128 + 256 + 300 }, () => emit('a', kibibyte)))).toEqual([
    64, 128, 256, 256, 44,
  ])
})

test('without batch an event is a frame', () => {
  expect(sizes([emit('a'), emit('a'), emit('b')], false)).toEqual([1, 1, 1])
})

test('what goes alone is neither merged nor overtaken', () => {
  const emits = [emit('a'), emit('a'), emit('a', '["a",1]', true), emit('a'), emit('a')]
  const made = frames(emits)
  expect(made.map(({ size }) => size)).toEqual([2, 1, 2])
  expect(made[1]!.payload).toBe('["a",1]')
})

test('a removal travels alone, and nothing of its name passes it', () => {
  const made: Frame[] = []
  const batch = new Batch(channelOf, true, collecting(made))
  const add = (name: string, text: string): void => void batch.frameFor({ name, id: '1' }, line(text)).add(text)
  add('a', 'e1\t\t[]')
  add('b', 'e2\t\t[]')
  void batch.removal({ name: 'a', id: '1' }, 'kept:a').add('')
  add('b', 'e3\t\t[]')
  add('a', 'e4\t\t[]')
  expect(made.map(({ command, channel, size }) => [command, channel, size])).toEqual([
    ['PUBLISH', 'a:', 1],
    ['PUBLISH', 'b:', 2],
    ['DEL', 'kept:a', 1],
    ['PUBLISH', 'a:', 1],
  ])
})

test('what comes after the end of the tick goes into a new frame', () => {
  const made: Frame[] = []
  const batch = new Batch(channelOf, true, collecting(made))
  for (let tick = 0; tick < 2; tick++) {
    void batch.frameFor({ name: 'a', id: '1' }, line('e1')).add('e1')
    batch.end()
  }
  expect(made).toHaveLength(2)
})

describe('what settles together', () => {
  const key = { name: 'a', id: '1' }
  const kept = { key: 'kept', value: 'value', ms: 1000 }
  const frame = (): Frame => frames([emit('a')])[0]!

  test('events that are not kept share one promise, and what it rejects with names no id of another emit', async () => {
    const mixed = frame()
    const plain = mixed.add('e2\t\t[]')
    expect(mixed.add('e3\t\t[]')).toBe(plain)
    const alone = mixed.keep(key, 'E4\t\t[]', kept)
    expect(mixed.size).toBe(4)
    const settled = [outcome(plain), outcome(alone)]
    mixed.reject((events) => new ConnectionError(events))
    expect(await Promise.all(settled)).toMatchObject([
      { message: 'one of 3 events "a" of a tick' },
      { message: 'event "a" with id "1"' },
    ])
    expect(mixed.size).toBe(0)
  })

  test('of kept ones each by itself: stored or not, and not before both commands are answered', async () => {
    const mixed = frame()
    const [stored, refused, open] = [1, 2, 3].map((id) => mixed.keep(key, `E${id}\t\t[]`, kept))
    mixed.kept[1]!.notStored = 'OOM'
    mixed.kept[2]!.storing = true
    mixed.settleKept(mixed.kept[0]!, 'here')
    expect(mixed.size).toBe(4)
    mixed.accept('here')
    expect(await outcome(stored!)).toBe('resolved')
    expect(await outcome(refused!)).toBeInstanceOf(NotKeptError)
    expect(mixed.size).toBe(1)
    // Sent again, it carries what is not settled.
    expect(mixed.payload).toBe('se2\nE3\t\t[]')
    mixed.kept[2]!.storing = false
    mixed.settleKept(mixed.kept[2]!, 'here')
    expect(await outcome(open!)).toBe('resolved')
    expect(mixed.size).toBe(0)
  })
})

test('each home has frames of its own, in its order; a DEL closes that of its own home only', () => {
  const made: Frame[] = []
  const batch = new Batch(channelOf, true, collecting(made))
  const add = (id: string): void => {
    void batch.frameFor({ name: 'a', id }, line(id, homeOf(id))).add(id)
  }
  const [one, other] = ['~AAAAaaaarko', '~BBBB-b_9I1p']
  for (const id of [`1${one}`, `1${other}`, '1', `2${one}`, '2', `2${other}`]) add(id)
  void batch.removal({ name: 'a', id: `1${one}` }, 'kept', homeOf(one)).add('')
  for (const id of [`3${one}`, '3', `3${other}`]) add(id)
  expect(made.map(({ channel, payload }) => [channel, payload.split('\n').slice(1).join(' ')])).toEqual([
    ['a:AAAAaaaarko', `1${one} 2${one}`],
    ['a:BBBB-b_9I1p', `1${other} 2${other} 3${other}`],
    ['a:', '1 2 3'],
    ['kept', ''],
    ['a:AAAAaaaarko', `3${one}`],
  ])
})
