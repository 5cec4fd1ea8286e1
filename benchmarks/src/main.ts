/*
 * Ratios to peers in the same run; absolute figures are this machine's. Speed is shown, not
 * asserted: whatever the figures, it ends with 0.
 *
 *     npm run bench -- [--quick] [--only TEXT] [--json FILE] [--record] [--against REF]
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { builds, casesOf, fleet, rowsOf, sizerOf } from './cases/all'
import type { Case } from './cases/case'
import { Build } from './contenders/builds'
import { Unavailable } from './contenders/contender'
import { bystanders } from './measures/bystander'
import { diagnostics } from './measures/diagnostics'
import { heap } from './measures/heap'
import { skipped } from './measures/skip'
import { transactions } from './measures/transactions'
import { writePages } from './pages/pages'
import { measured, runOf } from './record'
import type { Row, Skipped } from './row'
import { head, line, summary } from './terminal'

const { values } = parseArgs({
  options: {
    /** A tenth of a percent of the work: shows that all runs, and measures nothing. */
    quick: { type: 'boolean', default: false },
    /** Only what has this text in its group, its title or its peer. */
    only: { type: 'string', default: '' },
    /** Where to write the figures for machines. */
    json: { type: 'string' },
    /** Writes them to benchmarks/results.json, and from there into the pages and charts that show them. */
    record: { type: 'boolean', default: false },
    /** A commit: what is here against what was there, where nothing beyond the plain path is asked for. */
    against: { type: 'string' },
  },
})

interface Part {
  readonly group: string
  readonly title: string
  run(): Promise<Row[]>
}

function partOf(one: Case): Part {
  return { group: one.group, title: `${one.title}, against ${one.against}`, run: () => rowsOf(one) }
}

function partsOf(share: number): Part[] {
  const sizer = sizerOf(share)
  return [
    ...casesOf(sizer).map(partOf),
    { group: 'PostgreSQL', title: 'transactions', run: () => transactions(share) },
    ...fleet(sizer),
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
  const { quick, only, record, against } = values
  if (record && (only !== '' || against !== undefined))
    throw new Error('--record takes a whole run: without --only and --against')
  const share = quick ? 0.001 : 1
  if (against === undefined) return run(partsOf(share))
  const build = new Build(against)
  try {
    await run(builds(build, sizerOf(share)).map(partOf))
  } finally {
    build.remove()
  }
}

async function run(all: readonly Part[]): Promise<void> {
  const { quick, only, json, record } = values
  const results: (Row | Skipped)[] = []
  const parts = all.filter(({ group, title }) => `${group}: ${title}`.includes(only))
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
  const ran = runOf(results, quick)
  console.log(summary(measured(ran)))
  const text = `${JSON.stringify(ran, null, 2)}\n`
  if (json !== undefined) writeFileSync(json, text)
  if (!record) return
  const root = join(__dirname, '../..')
  const file = join(root, 'benchmarks/results.json')
  writeFileSync(file, text)
  writePages(root, ran, file)
}

void main()
