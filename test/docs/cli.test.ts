import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './files'

test('docs/cli.md is what --help says', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/cli-docs.mjs'), '--check'], {
    encoding: 'utf8',
  })
  expect([status, stderr]).toEqual([0, ''])
})
