import { ById } from '../src/registry/by-id'

interface Item {
  readonly id: string
}

test('what is added is there until it is removed, several of one id each by itself', () => {
  const [first, second, other]: Item[] = [{ id: 'a' }, { id: 'a' }, { id: 'b' }]
  const items = new ById<Item>()
  for (const item of [first!, second!, other!]) items.add(item)
  expect(items.size).toBe(2)
  expect(items.of('a')).toEqual([first, second])
  items.remove(first!)
  expect(items.of('a')).toEqual([second])
  for (const absent of [first!, { id: 'a' }, { id: 'c' }]) items.remove(absent)
  expect([items.of('a'), items.size]).toEqual([[second], 2])
  items.remove(second!)
  expect([items.has('a'), items.of('a'), items.size]).toEqual([false, [], 1])
  expect([...items.all()]).toEqual([other])
  items.add(first!)
  expect([items.has('a'), items.of('a'), items.size]).toEqual([true, [first], 2])
})

test('neither bursts nor a steady stream of ids loses, brings back or piles up anything', () => {
  const items = new ById<Item>()
  const present: Item[] = []
  const keeps = { id: 'stays' }
  items.add(keeps)
  for (let n = 0; n < 5_000; n++) {
    const item = { id: `id ${n}` }
    items.add(item)
    present.push(item)
    // Steadily 300 at a time, and every now and then none at all.
    while (present.length > (n % 1_000 === 0 ? 0 : 300)) items.remove(present.shift()!)
    expect(items.size).toBe(present.length + 1)
  }
  expect([...items.all()]).toEqual([keeps, ...present])
  expect(items.has('id 0')).toBe(false)
  for (const item of present) items.remove(item)
  expect([...items.all()]).toEqual([keeps])
})
