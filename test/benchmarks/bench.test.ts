import { join } from 'node:path'
import { runNode } from '@server-events/testing'

// A smoke of `npm run bench`: every peer runs and all waits settle. What it prints are no measurements.
test('every case of the benchmark runs', async () => {
  const bench = await runNode(join(__dirname, '../../benchmarks/dist/main.js'), { args: ['--quick'] })
  expect(await bench.exited).toBe(0)
  expect(bench.lines).toHaveLength(10)
  for (const line of bench.lines.slice(1, -1)) expect(line).toMatch(/in flight.* \d+\.\d\d \(.* : /)
  expect(bench.lines.at(-1)).toMatch(/^diagnostics: .* [\d.]+ ns whether anybody listens/)
}, 120_000)
