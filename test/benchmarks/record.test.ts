// What docs/performance.md says was measured: its tables and its chart are those of benchmarks/results.json.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { documented } from '../../benchmarks/src/docs'
import type { Run } from '../../benchmarks/src/record'

const root = join(__dirname, '../..')
const results = join(root, 'benchmarks/results.json')
const run = JSON.parse(readFileSync(results, 'utf8')) as Run
const page = readFileSync(join(root, 'docs/performance.md'), 'utf8')

test('the tables are made from the results', () => {
  expect(page.match(/<!-- from results\.json: /g)?.length).toBeGreaterThan(10)
  expect(documented(page, run)).toBe(page)
})

test('a table that somebody edits is noticed, and so is another result', () => {
  expect(documented(page.replace('| met ', '| yes '), run)).toBe(page)
  const results = run.results.filter((row) => row.group !== 'Waits')
  expect(() => documented(page, { ...run, results })).toThrow('no results of Waits')
})

test('every group of results is on the page', () => {
  const shown = [...page.matchAll(/<!-- from results\.json: (.*?) -->/g)].map(([, what]) => what)
  for (const { group } of run.results) expect(shown).toContain(group)
})

test('the chart is drawn from the results', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chart-'))
  try {
    const chart = join(folder, 'chart.svg')
    execFileSync(process.execPath, [join(root, 'benchmarks/dist/chart.js'), results, chart])
    expect(readFileSync(join(root, 'docs/performance.svg'), 'utf8')).toBe(readFileSync(chart, 'utf8'))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
