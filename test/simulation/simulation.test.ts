import { randomInt } from 'node:crypto'
import { explore } from '../../simulation/explore'
import { mutants } from '../../simulation/mutants'
import { report } from '../../simulation/report'

// `npm run simulate` plays more, and shrinks what it finds.

const random = randomInt(2 ** 31)

test.each([
  { seed: 1, runs: 2000 },
  { seed: random, runs: 1000 },
])('the engine breaks no rule in $runs runs of seed $seed', async ({ seed, runs }) => {
  const finding = await explore({ runs, seed })
  expect(finding === undefined ? '' : report(finding, `--seed ${seed}`)).toBe('')
})

test.each(mutants)('a planted bug is found: $name', async (mutant) => {
  const finding = await explore({ runs: 5000, seed: 1, mutant, shrink: false })
  expect(finding?.violation).toEqual(expect.any(String))
})
