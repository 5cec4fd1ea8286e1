/*
 * Ratios to peers in the same run; absolute figures are this machine's. Speed is shown, not
 * asserted: whatever the figures, it ends with 0.
 *
 *     npm run bench -- [--quick] [--only TEXT] [--json FILE] [--record]
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bystanders } from './bystander'
import { casesOf, rowsOf } from './cases/all'
import { Unavailable } from './contender'
import { diagnostics } from './diagnostics'
import { documented } from './docs'
import { heap } from './heap'
import { measured, runOf } from './record'
import type { Row, Skipped } from './row'
import { skipped } from './skip'
import { head, line, summary } from './terminal'

const { values } = parseArgs({
  options: {
    /** A tenth of a percent of the work: shows that all runs, and measures nothing. */
    quick: { type: 'boolean', default: false },
    /** Only what has this text in its group, its title or its peer. */
    only: { type: 'string', default: '' },
    /** Where to write the figures for machines. */
    json: { type: 'string' },
    /** Writes them to benchmarks/results.json, and from there into docs/performance.md and its chart. */
    record: { type: 'boolean', default: false },
  },
})

interface Part {
  readonly group: string
  readonly title: string
  run(): Promise<Row[]>
}

function partsOf(share: number): Part[] {
  const cases = casesOf(share).map((one) => {
    return { group: one.group, title: `${one.title}, against ${one.against}`, run: () => rowsOf(one) }
  })
  return [
    ...cases,
    { group: 'Unasked', title: 'in the transport', run: () => skipped(share) },
    { group: 'Unasked', title: 'CPU of a server', run: () => bystanders(share) },
    { group: 'Memory', title: 'a pending wait', run: () => heap(share) },
    { group: 'Diagnostics channels', title: 'whether anybody listens', run: () => diagnostics(share) },
  ]
}

async function measure(part: Part): Promise<(Row | Skipped)[]> {
  try {
    return await part.run()
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    return [{ group: part.group, title: part.title, skipped: error.message }]
  }
}

async function main(): Promise<void> {
  const { quick, only, json, record } = values
  if (record && only !== '') throw new Error('--record takes a whole run: without --only')
  const results: (Row | Skipped)[] = []
  const parts = partsOf(quick ? 0.001 : 1).filter(({ group, title }) => `${group}: ${title}`.includes(only))
  console.log(head)
  // Where nothing is measured, nothing has to be alone.
  const atATime = quick ? 4 : 1
  const running = parts.slice(0, atATime).map(measure)
  for (const index of parts.keys()) {
    const rows = (await running[index]) ?? []
    const next = parts[index + atATime]
    if (next) running.push(measure(next))
    for (const row of rows) console.log(line(row))
    results.push(...rows)
  }
  const run = runOf(results, quick)
  console.log(summary(measured(run)))
  const text = `${JSON.stringify(run, null, 2)}\n`
  if (json !== undefined) writeFileSync(json, text)
  if (!record) return
  const root = join(__dirname, '../..')
  const page = join(root, 'docs/performance.md')
  const file = join(root, 'benchmarks/results.json')
  writeFileSync(file, text)
  writeFileSync(page, documented(readFileSync(page, 'utf8'), run))
  execFileSync(process.execPath, [join(__dirname, 'chart.js'), file, join(root, 'docs/performance.svg')])
}

void main()
