import { spawnSync } from 'node:child_process'
import { dirname, join, relative, resolve } from 'node:path'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { transportConformance } from '@server-events/conformance'

const root = resolve(__dirname, '../../..')
const folder = join(__dirname, 'runners')
const failing = [
  'messages: headers travel, also unknown ones',
  'questions: kinds that nobody knows yet travel as they are',
]

interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What a runner that runs everything twice has to count: with a hub at once, and with the promise of one. */
function expected(failed: number): Counts {
  const counts = { test: 0, skipped: 0 }
  const test = Object.assign(() => counts.test++, { skip: () => counts.skipped++ })
  transportConformance({
    test,
    createHub: () => ({ connect: () => new MemoryTransport({ hub: new MemoryHub() }), close: () => {} }),
  })
  expect(counts.skipped).toBeGreaterThan(5)
  return { passed: 2 * counts.test - failed, failed, skipped: 2 * counts.skipped }
}

function run(program: string, args: readonly string[], lie: boolean): { output: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, ...args], {
    cwd: root,
    // What jest sets would tell a runner that it is not the first one.
    env: { ...process.env, NODE_ENV: '', NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined, LIE: lie ? '1' : '' },
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  expect(stderr).not.toContain('ConformanceWarning')
  return { output: stdout, status }
}

function binary(name: string, path: string): string {
  return join(dirname(require.resolve(`${name}/package.json`)), path)
}

const runners: readonly (readonly [
  name: string,
  run: (lie: boolean) => { counts: Counts; failures: string[]; status: number | null },
])[] = [
  [
    'node:test',
    (lie) => {
      const { output, status } = run('--test', ['--test-reporter=tap', join(folder, 'node-test.mjs')], lie)
      const count = (what: string): number => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(output)?.[1])
      const failures = [...output.matchAll(/^ {4,}not ok \d+ - (\w+: .+)$/gm)].map(([, title = '']) => title)
      return { counts: { passed: count('pass'), failed: count('fail'), skipped: count('skipped') }, failures, status }
    },
  ],
  [
    'vitest',
    (lie) => {
      const args = ['run', '--root', root, '--dir', relative(root, folder), '--reporter=json']
      const { output, status } = run(binary('vitest', 'vitest.mjs'), args, lie)
      const result = JSON.parse(output)
      const failures = result.testResults
        .flatMap((file: any) => file.assertionResults)
        .filter((one: any) => one.status === 'failed')
        .map((one: any) => one.title)
      return {
        counts: { passed: result.numPassedTests, failed: result.numFailedTests, skipped: result.numPendingTests },
        failures,
        status,
      }
    },
  ],
  [
    'mocha',
    (lie) => {
      const args = ['--timeout', '5s', '--reporter', 'json', join(folder, 'mocha.mjs')]
      const { output, status } = run(binary('mocha', 'bin/mocha.js'), args, lie)
      const { stats, failures } = JSON.parse(output)
      return {
        counts: { passed: stats.passes, failed: stats.failures, skipped: stats.pending },
        failures: failures.map((one: any) => one.title),
        status,
      }
    },
  ],
]

describe.each(runners)('%s', (_, runWith) => {
  test('passes what is honest, and skips what does not apply, known before or not', () => {
    expect(runWith(false)).toEqual({ counts: expected(0), failures: [], status: 0 })
  })

  test('fails what is not', () => {
    const { counts, failures, status } = runWith(true)
    expect(counts).toEqual(expected(2 * failing.length))
    expect(failures).toEqual([...failing, ...failing])
    expect(status).not.toBe(0)
  })
})
