/*
 * Ratios to peers in the same run; absolute figures are this machine's.
 *
 *     npm run bench -- [--quick] [--only TEXT] [--json FILE]
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startNats, startRedis } from '@server-events/testing'
import { casesOf, type Case } from './cases'
import { diagnosticsCost } from './diagnostics'
import { compare, summarise, type Comparison, type Result } from './compare'
import type { Measured } from './pair'

const { values } = parseArgs({
  options: {
    /** A tenth of a percent of the work: shows that all runs, and measures nothing. */
    quick: { type: 'boolean', default: false },
    /** Only the cases whose title has this text. */
    only: { type: 'string', default: '' },
    /** Where to write the figures for machines. */
    json: { type: 'string' },
  },
})

const ratio = ({ median, lowest, highest }: Comparison): string =>
  `${median.toFixed(2)} (${lowest.toFixed(2)} to ${highest.toFixed(2)})`

function row({ title }: Case, { throughput, cpu, first, second }: Result): string {
  const median = (rounds: readonly Measured[], of: (one: Measured) => number): number =>
    summarise(rounds.map(of)).median
  const speed = (rounds: readonly Measured[]): string =>
    Math.round(median(rounds, (one) => one.waitsPerSecond)).toLocaleString('en')
  const micros = (rounds: readonly Measured[]): string => (median(rounds, (one) => one.cpuPerWait) * 1000).toFixed(1)
  return [
    title.padEnd(58),
    ratio(throughput).padEnd(22),
    ratio(cpu).padEnd(22),
    `${speed(first)} : ${speed(second)}`.padEnd(20),
    `${micros(first)} : ${micros(second)}`,
  ].join(' ')
}

async function main(): Promise<void> {
  const redis = await startRedis()
  const nats = await startNats()
  try {
    const cases = casesOf({ redis: redis.url, nats: nats.url }, values.quick ? 0.001 : 1)
    const results: unknown[] = []
    console.log(
      ['ours against', 'waits/s, ratio', 'CPU a wait, ratio', 'waits/s', 'CPU a wait, µs, both sides']
        .map((head, index) => head.padEnd([58, 22, 22, 20, 0][index] ?? 0))
        .join(' '),
    )
    for (const one of cases.filter(({ title }) => title.includes(values.only))) {
      const result = await compare(one.ours, one.peer, one.load)
      console.log(row(one, result))
      results.push({ title: one.title, load: one.load, ...result })
    }
    if (values.only === '') console.log(await diagnosticsCost(values.quick ? 0.001 : 1))
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`)
  } finally {
    await nats.stop()
    await redis.stop()
  }
}

void main()
