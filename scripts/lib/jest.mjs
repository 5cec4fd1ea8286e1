import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { root } from './cache.mjs'

/**
 * @typedef {{ passed: number, failed: number, failures: string[] }} Result `failures` are titles, or files that did
 *   not run
 * @typedef {{ numPassedTests: number, testResults: { name: string, message: string, status: string,
 *   assertionResults: { status: string, fullName: string }[] }[] }} Report of jest
 */

/**
 * Runs jest on the repository and shows what it says.
 *
 * @param {readonly string[]} args
 * @param {{ node?: string, env?: NodeJS.ProcessEnv }} [options] `node` runs jest, and the processes of tests that look
 *   for a `node`; ours by default
 * @returns {Result}
 */
export function runJest(args, { node = process.execPath, env = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'server-events-jest-'))
  const file = join(folder, 'report.json')
  try {
    const cli = join(root, 'node_modules/jest/bin/jest.js')
    const { error } = spawnSync(node, [cli, ...args, '--json', '--outputFile', file], {
      cwd: root,
      env: { ...process.env, ...env, PATH: [dirname(node), process.env['PATH']].join(delimiter) },
      // The report goes to the file as well as to stdout: people read stderr.
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    if (error) throw error
    /** @type {Report} */
    const report = JSON.parse(readFileSync(file, 'utf8'))
    return summaryOf(report)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param {Report} report */
function summaryOf({ numPassedTests, testResults }) {
  const failures = testResults.flatMap(({ name, status, assertionResults }) => {
    const titles = assertionResults.filter((one) => one.status === 'failed').map(({ fullName }) => fullName)
    // A file that does not compile, or whose process died, has no test that failed.
    return titles.length === 0 && status === 'failed' ? [`${name} did not run`] : titles
  })
  return { passed: numPassedTests, failed: failures.length, failures }
}

/** @param {readonly Result[]} results */
export function sum(results) {
  return {
    passed: results.reduce((total, { passed }) => total + passed, 0),
    failed: results.reduce((total, { failed }) => total + failed, 0),
    failures: results.flatMap(({ failures }) => failures),
  }
}
