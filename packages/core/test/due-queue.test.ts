import { DueQueue } from '../src/base/due-queue'

interface Item {
  due: number
  slot: number
}

const make = (due: number): Item => ({ due, slot: -1 })

/** The same numbers each time: a linear congruential generator. */
function* random(): Generator<number, never> {
  for (let state = 1; ;) {
    state = (state * 48_271) % 2_147_483_647
    yield state / 2_147_483_647
  }
}

test.each([
  ['all last equally long', (): number => 10],
  ['some last longer', (chance: number): number => (chance < 0.1 ? 1_000 : 10)],
  ['each lasts as it likes', (chance: number): number => Math.floor(chance * 100)],
])('the first one is one that is due first, whoever leaves: %s', (_, durationOf) => {
  const queue = new DueQueue<Item>()
  const present: Item[] = []
  const numbers = random()
  for (let now = 0; now < 5_000; now++) {
    // A burst grows, then shrinks.
    if (numbers.next().value < (now % 1_000 < 500 ? 0.7 : 0.3)) {
      const item = make(now + durationOf(numbers.next().value))
      present.push(item)
      queue.add(item)
    } else if (present.length > 0) {
      const [item] = present.splice(Math.floor(numbers.next().value * present.length), 1)
      queue.remove(item!)
      expect(item!.slot).toBe(-1)
    }
    expect(queue.size).toBe(present.length)
    expect(queue.first?.due).toBe(present.length === 0 ? undefined : Math.min(...present.map(({ due }) => due)))
  }
  const left = [...present].sort((one, other) => one.due - other.due)
  const taken: number[] = []
  for (let first = queue.first; first; first = queue.first) {
    taken.push(first.due)
    queue.remove(first)
  }
  expect(taken).toEqual(left.map(({ due }) => due))
})

test('those of one deadline come in their order', () => {
  const queue = new DueQueue<Item>()
  const items = [make(1), make(1), make(1)]
  for (const item of items) queue.add(item)
  for (const item of items) {
    expect(queue.first).toBe(item)
    queue.remove(item)
  }
})

test('one that stayed long does not keep the places of those that came and went behind it', () => {
  const queue = new DueQueue<Item>()
  const stays = make(0)
  queue.add(stays)
  for (let due = 1; due < 100_000; due++) {
    const [item, next] = [make(due), make(due)]
    queue.add(item)
    queue.add(next)
    queue.remove(item)
    // A place is `-2 - index`: the row stays short.
    expect(-2 - next.slot).toBeLessThan(100)
    queue.remove(next)
  }
  expect([queue.size, queue.first]).toEqual([1, stays])
})

test('all are shifted alike, and who comes then finds its place among them', () => {
  const queue = new DueQueue<Item>()
  for (const due of [10, 30, 20]) queue.add(make(due))
  queue.shift(5)
  const between = make(32)
  queue.add(between)
  const taken: number[] = []
  for (let first = queue.first; first; first = queue.first) {
    taken.push(first.due)
    queue.remove(first)
  }
  expect(taken).toEqual([15, 25, 32, 35])
})
