import { growthOfPlanted, linear } from '@server-events/testing'
import { growing } from './support/growing'
import { coreWith } from './support/planted'

test.each(growing)(
  'the code of before is seen to grow with the square of its input: $title',
  async ({ run, planted }) => {
    const before = coreWith(...planted.edits)
    expect(await growthOfPlanted((size) => run(before, size), planted.size)).toBeGreaterThan(linear)
  },
)
