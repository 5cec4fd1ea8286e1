// Installs what the examples need, builds one and runs it: `npm run example express-bullmq`.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const examples = readdirSync(join(root, 'examples')).filter((name) => isExample(name))
const [name = ''] = process.argv.slice(2)

/** @param {string} folder */
function isExample(folder) {
  return existsSync(join(root, 'examples', folder, 'src/main.ts'))
}

/** @param {string[]} args */
function node(...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

if (isExample(name)) {
  node('scripts/ensure-installed.mjs', '.', 'examples')
  node('scripts/build.mjs', `examples/${name}`)
  node(`examples/${name}/dist/main.js`)
} else {
  console.error(`npm run example takes the name of one: ${examples.join(', ')}`)
  process.exitCode = 1
}
