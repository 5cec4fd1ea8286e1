import { randomInt } from 'node:crypto'
import { exploreWanted, mutantsOfWanted } from '../../simulation/wanted/wanted'

test.each([
  { seed: 1, runs: 100 },
  { seed: randomInt(2 ** 31), runs: 100 },
])('a worker that asks breaks no rule in $runs runs of seed $seed', async ({ seed, runs }) => {
  expect(await exploreWanted(runs, seed)).toBe(undefined)
})

test.each(mutantsOfWanted)('a planted bug of those who ask is found: $name', async (mutant) => {
  expect(await exploreWanted(6000, 1, mutant)).toEqual(expect.any(String))
})
