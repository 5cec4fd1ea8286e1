import { join } from 'node:path'
import { runNode } from '@server-events/testing'

// A smoke of `npm run bench`: every peer runs and all waits settle. What it prints are no measurements.
test('every case of the benchmark runs', async () => {
  const bench = await runNode(join(__dirname, '../../benchmarks/dist/main.js'), { args: ['--quick'] })
  expect([await bench.exited, bench.stderr]).toEqual([0, ''])
  const lines = bench.lines.slice(1, -1)
  for (const line of lines) expect(line).toMatch(/^\S.*: .* [\d,.]+(?: \S+)? \([\d,.]+ to [\d,.]+\)/)
  expect(lines.filter((line) => /: (met|missed)$/.test(line))).toHaveLength(30)
  expect(bench.lines.at(-1)).toMatch(/^\d+ of 30 targets met$/)
}, 240_000)
