import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const script = join(__dirname, '../../scripts/install-packed.mjs')
let project: string

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'server-events-project-'))
})

afterEach(() => {
  rmSync(project, { recursive: true })
})

test.each([
  ['a project', '.'],
  ['a folder that is not there', 'my-app'],
])(
  '%s gets the packages as they would come from npm, with what they need of ours',
  (_what, folder) => {
    writeFileSync(join(project, 'package.json'), '{ "private": true }')
    const cwd = join(project, folder)
    execFileSync(process.execPath, [script, cwd, 'memory'], { stdio: 'pipe' })
    const { dependencies } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')) as { dependencies: object }
    expect(Object.keys(dependencies).sort()).toEqual(['@server-events/memory', 'server-events'])
    const program = `
    import { MemoryTransport } from '@server-events/memory'
    import { ServerEvents } from 'server-events'
    const events = new ServerEvents(new MemoryTransport())
    const wait = events.on('report', 1)
    await events.emit('report', 1, 'done')
    console.log(...(await wait))
    await events.close()`
    const args = ['--input-type=module', '-e', program]
    expect(execFileSync(process.execPath, args, { cwd }).toString()).toBe('done\n')
  },
  120_000,
)

test.each([
  ['no folder', []],
  ['a folder that is no project', ['.']],
  ['a package that there is not', ['.', 'radio']],
])('%s is refused, with what to say instead', (_what, args) => {
  const { status, stderr } = spawnSync(process.execPath, [script, ...args], { cwd: project, encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr).toMatch(/FOLDER \[PACKAGE…\]: .* and names of .*core.*memory/)
})
