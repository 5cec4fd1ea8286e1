import { setImmediate as turn } from 'node:timers/promises'
import { countPrimes, most } from '../src/primes'

const { signal } = new AbortController()

test('counts what trial division counts', async () => {
  let count = 0
  for (let below = 0; below <= 2_000; below++) {
    expect(await countPrimes(below, signal)).toBe(count)
    let prime = below > 1
    for (let divisor = 2; divisor * divisor <= below; divisor++) prime &&= below % divisor !== 0
    if (prime) count++
  }
})

test.each([
  [524_289, 43_390],
  [1_000_000, 78_498],
  [10_000_000, 664_579],
])('counts across segments: below %i there are %i', async (below, primes) => {
  expect(await countPrimes(below, signal)).toBe(primes)
})

test('refuses what it does not count, with a code', async () => {
  for (const below of [-1, 1.5, NaN, Infinity, most + 1]) {
    await expect(countPrimes(below, signal)).rejects.toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
  }
})

test('leaves the event loop its turns, and stops when told to', async () => {
  const controller = new AbortController()
  let turns = 0
  const count = countPrimes(most, controller.signal).catch((error: unknown) => error)
  while (++turns < 10) await turn()
  controller.abort(new Error('enough'))
  expect(await count).toEqual(new Error('enough'))
})
