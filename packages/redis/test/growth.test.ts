import { growthOf, growthOfPlanted, linear } from '@server-events/testing'
import type { Receiver } from 'server-events'
import { byBothPatterns, byName, byPattern, ById } from '../src/wire/channels'
import type { Route } from '../src/wire/channels'
import { readLoneFrame } from '../src/wire/v2'

/*
 * Whoever may PUBLISH sends what he likes: what is read costs CPU time in proportion to its bytes,
 * whatever they are. Told by growth, which no machine changes, and not by seconds.
 */

const receiver = (wants: boolean): Receiver => ({
  wants: () => wants,
  deliver: () => undefined,
  state: () => undefined,
  lost: () => undefined,
  error: () => undefined,
})

/** Reads the payload of each size, which is made once: the least of several runs does not count the making. */
function reading(of: (size: number) => string, read: (payload: string) => void): (size: number) => void {
  const payloads = new Map<number, string>()
  return (size) => {
    // Flat, as what comes from a socket is.
    const payload = payloads.get(size) ?? Buffer.from(of(size)).toString()
    payloads.set(size, payload)
    read(payload)
  }
}

const inputs: readonly [string, (bytes: number) => string][] = [
  ['empty lines', (bytes) => `se2\n${'\n'.repeat(bytes)}`],
  ['empty lines and a last TAB', (bytes) => `se2\n${'\n'.repeat(bytes)}\t`],
  ['lines of one byte', (bytes) => `se2\n${'e\n'.repeat(bytes / 2)}`],
  ['lines with one TAB', (bytes) => `se2\n${'e7\t\n'.repeat(bytes / 4)}`],
  ['lines that are whole', (bytes) => `se2\n${'e7\t\t[]\n'.repeat(bytes / 7)}`],
  ['TABs', (bytes) => `se2\ne7${'\t'.repeat(bytes)}`],
  ['lines of many TABs', (bytes) => `se2\n${`e7${'\t'.repeat(60)}\n`.repeat(bytes / 63)}`],
  ['an endless id', (bytes) => `se2\ne${'%3A'.repeat(bytes / 3)}\t\t[]`],
  ['empty lines, an escape and a last TAB', (bytes) => `se2\n%3A${'\n'.repeat(bytes)}\t`],
  ['a huge header', (bytes) => `se2\ne7\t{"a":"${'x'.repeat(bytes)}"}\t[]`],
  [
    'many headers',
    (bytes) => `se2\ne7\t{${Array.from({ length: bytes / 16 }, (_, i) => `"${i}x":"1"`).join(',')}}\t[]`,
  ],
  ['headers that never end', (bytes) => `se2\ne7\t${'{"a":'.repeat(bytes / 5)}\t[]`],
  ['quotes', (bytes) => `se2\nq7\t\t"${'\\n'.repeat(bytes / 2)}"`],
  ['bytes that are none', (bytes) => `se2\nb7\t\t${'A='.repeat(bytes / 2)}`],
  ['1.x: arrays in arrays', (bytes) => `["n","7",${'['.repeat(bytes / 16)}${']'.repeat(bytes / 16)}]`],
  ['1.x: many args', (bytes) => `["n","7"${',1'.repeat(bytes / 2)}]`],
  ['1.x: an endless name', (bytes) => `["${'n'.repeat(bytes)}","7"]`],
]

const routes: readonly [string, (to: Receiver) => Route, by: string, channel: string][] = [
  ['pattern', (to) => byPattern('se:', 'n', to), 'se:n:*', 'se:n:'],
  ['pattern, of an emitter by id', (to) => byPattern('se:', 'n', to), 'se:n:*', 'se:n:7'],
  ['name', (to) => byName('se:', 'n', to), 'se:n:', 'se:n:'],
  ['id', (to) => new ById('se:', 'n', '7', to), 'se:n:7', 'se:n:7'],
  ['1.x', (to) => byBothPatterns('se:', 'n', to), 'n:*', 'n:7'],
]

const BYTES = 196_608

describe.each(routes)('%s', (_, route, by, channel) => {
  test.each(inputs)('%s', async (__, input) => {
    for (const wants of [false, true]) {
      const to = route(receiver(wants))
      const read = reading(input, (payload) => to.read(by, channel, payload))
      expect(await growthOf(read, BYTES, 8)).toBeLessThan(linear)
    }
  })
})

test.each(inputs)('as a kept value: %s', async (_, input) => {
  const read = reading(input, (payload) => void readLoneFrame('7', payload))
  expect(await growthOf(read, BYTES, 8)).toBeLessThan(linear)
})

test('the reader of before, which looked for a TAB beyond the end of each line, is seen to fall', async () => {
  let found = 0
  const before = (frame: string): void => {
    for (let start = 4, end; start <= frame.length; start = end + 1) {
      const newline = frame.indexOf('\n', start)
      end = newline < 0 ? frame.length : newline
      found += frame.indexOf('\t', start)
    }
  }
  const read = reading((bytes) => `se2\n${'\n'.repeat(bytes)}`, before)
  expect(await growthOfPlanted(read, BYTES / 16)).toBeGreaterThan(linear)
  expect(found).toBeLessThan(0)
})
