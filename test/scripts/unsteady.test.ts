// What the build server does with a test that fails at first only.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(__dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'unsteady-'))
afterAll(() => rmSync(folder, { recursive: true }))

function runJest(CI: string): { status: number | null; stderr: string } {
  const jest = join(root, 'node_modules/jest/bin/jest.js')
  const env = { ...process.env, CI }
  return spawnSync(process.execPath, [jest, '--rootDir', folder], { cwd: folder, env, encoding: 'utf8' })
}

beforeAll(() => {
  const { setupFilesAfterEnv, reporters } = jest.requireActual<Record<string, string[]>>('../../jest.config.js')
  const here = (paths?: string[]): string[] | undefined => paths?.map((path) => path.replace('<rootDir>', root))
  const config = { transform: {}, setupFilesAfterEnv: here(setupFilesAfterEnv), reporters: here(reporters) }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ jest: config }))
  writeFileSync(
    join(folder, 'some.test.js'),
    `let tries = 0
     test('always good', () => {})
     test('good at last', () => expect(++tries).toBe(2))`,
  )
})

test('it passes there, and is named', () => {
  const { status, stderr } = runJest('true')
  expect(stderr.match(/^Unsteady: .*/gm)).toEqual([`Unsteady: good at last (${join(folder, 'some.test.js')})`])
  expect(stderr).toMatch(/^Tests: +2 passed, 2 total$/m)
  expect(status).toBe(0)
})

test('elsewhere it fails', () => {
  expect(runJest('').status).toBe(1)
})

test('one that fails twice fails', () => {
  writeFileSync(join(folder, 'some.test.js'), `test('never good', () => expect(1).toBe(2))`)
  const { status, stderr } = runJest('true')
  expect(stderr).toMatch(/^Tests: +1 failed, 1 total$/m)
  expect(stderr).not.toContain('Unsteady: ')
  expect(status).toBe(1)
})
