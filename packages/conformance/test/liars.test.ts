import { lies } from './lies'
import { casesFor, failTheirCases } from './test-liars'

const liars = Object.values(lies).flat()

test('every case has its liar', () => {
  const caught = new Set(liars.map(({ fails }) => fails))
  const all = [...casesFor(liars[0]!).keys()].map((title) => title.replace(/ \(skipped: .*\)$/, ''))
  expect(all.filter((title) => !caught.has(title))).toEqual([])
})

failTheirCases(liars)
