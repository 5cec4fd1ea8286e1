import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runNode } from '@server-events/testing'

const root = join(__dirname, '../..')

test('a process that measures another build loads the packages of that one, and of this one what it does not have', () => {
  const build = mkdtempSync(join(tmpdir(), 'build-'))
  try {
    mkdirSync(join(build, 'node_modules/server-events'), { recursive: true })
    writeFileSync(join(build, 'node_modules/server-events/index.js'), 'exports.other = true')
    const args = ['--require', join(root, 'benchmarks/other-build.cjs'), '--print']
    const print = (code: string): string =>
      execFileSync(process.execPath, [...args, code], { env: { ...process.env, BENCH_BUILD: build }, cwd: root, encoding: 'utf8' }) // prettier-ignore
    expect(print(`require('server-events').other`)).toBe('true\n')
    expect(print(`typeof require('server-events/sealed').sealed`)).toBe('function\n')
  } finally {
    rmSync(build, { recursive: true })
  }
})

test('--against compares with a commit, and leaves no checkout behind', async () => {
  const args = ['--quick', '--against', 'HEAD', '--only', 'kept']
  const bench = await runNode(join(root, 'benchmarks/dist/main.js'), { args })
  expect([await bench.exited, bench.lines.slice(1, -1)]).toEqual([
    0,
    [expect.stringMatching(/^Builds: kept.*waits\/s/), expect.stringMatching(/^Builds: kept.*at most 1\.02: (met|missed)$/)], // prettier-ignore
  ])
  expect(execFileSync('git', ['worktree', 'list'], { cwd: root, encoding: 'utf8' })).not.toContain('bench-against-')
}, 240_000)
