import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blocksOf } from './blocks'
import { commandsOf, fileOf } from './commands'
import { root } from './files'

const page = 'docs/getting-started.md'
const blocks = blocksOf(page, readFileSync(join(root, page), 'utf8'))

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'server-events-start-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

/** What the reader has by then is installed. */
const isInstalling = (command: string): boolean => /^(npm|cd) /.test(command)

test('a reader who saves the files under their names and gives the commands gets what the page says', () => {
  const shown: (string | undefined)[] = []
  const printed: (string | undefined)[] = []
  for (const [index, { language, code }] of blocks.entries()) {
    const file = fileOf(code)
    if (file !== undefined) writeFileSync(join(folder, file), code)
    if (language !== 'sh') continue
    const commands = commandsOf(code).filter((command) => !isInstalling(command))
    if (commands.length === 0) continue
    let output = ''
    for (const command of commands) {
      const [program = '', ...args] = command.split(/\s+/)
      output += execFileSync(program, args, { cwd: folder, encoding: 'utf8' })
    }
    printed.push(output)
    shown.push(blocks[index + 1]?.code)
  }
  expect(printed).toEqual(shown)
  expect(printed.length).toBeGreaterThan(3)
}, 120_000)
