import { lies } from './lies'
import { casesFor } from './test-liars'

test('every case has its liar', () => {
  const liars = Object.values(lies).flat()
  const caught = new Set(liars.map(({ fails }) => fails))
  const all = [...casesFor(liars[0]!).keys()].map((title) => title.replace(/ \(skipped: .*\)$/, ''))
  expect(all.filter((title) => !caught.has(title))).toEqual([])
})
