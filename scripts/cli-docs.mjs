// Writes docs/cli.md from what the command line says of itself; with --check only looks whether it would be the same.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const page = join(root, 'docs/cli.md')

/** @param {string[]} args */
function help(...args) {
  const main = join(root, 'packages/cli/dist/main.js')
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args, '--help'], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`--help ended with ${status}\n${stderr}`)
  return stdout.trimEnd()
}

const overview = help()
const [, list = ''] = overview.split('\nCommands:\n')
const commands = [...list.matchAll(/^ {2}([a-z]+) /gm)].map(([, name = '']) => name).filter((name) => name !== 'help')

/** @param {string} text */
const block = (text) => `\`\`\`picture\n${text}\n\`\`\``

const written = `<!-- Written by scripts/cli-docs.mjs from the commands' --help. -->

# Command line

For those who are called at night: [\`@server-events/cli\`](../packages/cli/README.md) examines the server, and waits and emits by hand. Nothing has to be installed for it:

\`\`\`sh
npx @server-events/cli doctor redis://127.0.0.1:6379
\`\`\`

${block(overview)}
${commands.map((name) => `\n## ${name}\n\n${block(help(name))}\n`).join('')}`

if (!process.argv.includes('--check')) writeFileSync(page, written)
else if (readFileSync(page, 'utf8') !== written) {
  console.error('docs/cli.md is not what --help says: node scripts/cli-docs.mjs')
  process.exitCode = 1
}
