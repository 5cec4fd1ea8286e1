import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'
import { postgresFolders } from '@server-events/testing'

// What jest has tried on one version (conformance.test.ts), under the runner of Node and on each version.
const { createHub } = jest.requireActual<{ createHub(): ConformanceHub }>('./runners/hub.cjs')

test('under node:test, on each version that is installed', async () => {
  const counts = { pass: 0, skipped: 0 }
  transportConformance({ test: Object.assign(() => counts.pass++, { skip: () => counts.skipped++ }), createHub })
  const folders = await postgresFolders()
  expect(folders).not.toEqual([])
  for (const { folder, major } of folders) {
    const output = await run(folder)
    expect(output).toContain(`version ${major}`)
    const count = (what: string): number => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(output)?.[1])
    expect(output.match(/^ *not ok .*/gm) ?? []).toEqual([])
    expect({ pass: count('pass'), skipped: count('skipped'), fail: count('fail') }).toEqual({ ...counts, fail: 0 })
  }
}, 600_000)

function run(folder: string): Promise<string> {
  const file = join(__dirname, 'runners/node-test.mjs')
  // What jest sets would tell the runner that it is not the first one.
  const env = { ...process.env, FOLDER: folder, NODE_ENV: '', NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined }
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', file], { env })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return new Promise((resolve) => child.once('close', () => resolve(output)))
}
