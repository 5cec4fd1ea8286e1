// Runs core's tests on every supported Node: what a stack shows is V8's choice, and may change with it.
// The binaries come from the registry, into a folder outside the repository (about 190 MB each), and stay there.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const majors = [20, 22, 24]
const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']

const root = fileURLToPath(new URL('..', import.meta.url))
const platform = `${process.platform}-${process.arch}`
const folder = join(tmpdir(), 'server-events-nodes')

/** @param {number} major */
function binaryOf(major) {
  return process.versions.node.startsWith(`${major}.`)
    ? process.execPath
    : join(folder, 'node_modules', `node${major}`, 'bin/node')
}

function install() {
  const missing = majors.filter((major) => !existsSync(binaryOf(major)))
  if (missing.length === 0) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  // Without scripts: `node` itself would fetch these packages in its postinstall.
  const packages = missing.map((major) => `node${major}@npm:node-${platform}@${major}`)
  const { status } = spawnSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) throw new Error(`npm could not install ${packages.join(', ')}`)
}

if (!platforms.includes(platform)) {
  console.error(
    `test:nodes knows no package with Node for ${platform}, only for ${platforms.join(', ')}: ` +
      'install Node 20, 22 and 24 by other means and run `npx jest packages/core` with each',
  )
  process.exit(1)
}

install()
for (const major of majors) {
  const node = binaryOf(major)
  console.log(`\nNode ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}`)
  const jest = [join(root, 'node_modules/jest/bin/jest.js'), 'packages/core', ...process.argv.slice(2)]
  const { status } = spawnSync(node, jest, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) process.exitCode = 1
}
