import { join } from 'node:path'
import { runNode } from '@server-events/testing'

// A smoke of `npm run bench`: every peer runs and all waits settle. What it prints are no measurements.
test('every case of the benchmark runs', async () => {
  const bench = await runNode(join(__dirname, '../../benchmarks/dist/main.js'), { args: ['--quick'] })
  expect(await bench.exited).toBe(0)
  expect(bench.lines).toHaveLength(9)
  for (const line of bench.lines.slice(1)) expect(line).toMatch(/in flight.* \d+\.\d\d \(.* : /)
}, 120_000)
