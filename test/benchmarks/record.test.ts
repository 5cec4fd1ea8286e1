// What the docs say was measured: their tables, the speeds of the README and the charts are those of benchmarks/results.json.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { documented } from '../../benchmarks/src/pages/docs'
import { pages } from '../../benchmarks/src/pages/pages'
import { timesText, withSpeeds } from '../../benchmarks/src/pages/speeds'
import type { Run } from '../../benchmarks/src/record'

const root = join(__dirname, '../..')
const results = join(root, 'benchmarks/results.json')
const run = JSON.parse(readFileSync(results, 'utf8')) as Run
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')
const details = textOf('docs/performance-details.md')

test.each(Object.entries(pages))('the figures of %s are those of the results', (file, make) => {
  expect(make(textOf(file), run)).toBe(textOf(file))
})

test('a table that somebody edits is noticed, and so is another result', () => {
  expect(details.match(/<!-- from results\.json: /g)?.length).toBeGreaterThan(10)
  expect(documented(details.replace('| met ', '| yes '), run)).toBe(details)
  const results = run.results.filter((row) => row.group !== 'Waits')
  expect(() => documented(details, { ...run, results })).toThrow('no results of Waits')
})

test('a speed of the README that somebody edits is noticed, and so is a row that is gone', () => {
  const readme = textOf('README.md')
  const edited = readme.replace(/(?<=\| \*\*server-events\*\* +\| )\S/, '9')
  expect(edited).not.toBe(readme)
  expect(withSpeeds(edited, run)).toBe(readme)
  expect(() => withSpeeds(readme.replace('| NATS `request`', '| another'), run)).toThrow('no row NATS `request`')
})

test('a speed is as short as it can be', () => {
  expect([0.073, 0.5, 0.96, 1, 1.133, 12].map(timesText)).toEqual(['0.07', '0.50', '1', '1', '1.1', '12'])
})

test('every group of results is on a page', () => {
  const shown = [...details.matchAll(/<!-- from results\.json: (.*?) -->/g)].map(([, what]) => what)
  for (const { group } of run.results) expect(shown).toContain(group)
})

test.each([
  ['chart.js', 'docs/performance.svg'],
  ['bars.js', 'docs/waits.svg'],
  ['fleet-chart.js', 'docs/fleet.svg'],
])('what %s draws is %s', (script, picture) => {
  const folder = mkdtempSync(join(tmpdir(), 'chart-'))
  try {
    const chart = join(folder, 'chart.svg')
    execFileSync(process.execPath, [join(root, 'benchmarks/dist/pages', script), results, chart])
    expect(textOf(picture)).toBe(readFileSync(chart, 'utf8'))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
