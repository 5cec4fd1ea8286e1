// Lets `npm test` and `npm run demo` be single commands on a fresh clone, and installs what only some scripts need: it
// takes folders with a package-lock.json of their own, `.` and no folder mean the root. Silent if there is nothing to do.
// Compares contents, not times: a checkout touches package-lock.json without changing what it asks for.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * @typedef {{ version?: string, integrity?: string, link?: boolean, optional?: boolean }} Locked
 * @param {string} file
 */
function packagesOf(file) {
  try {
    const lock = /** @type {{ packages: Record<string, Locked> }} */ (JSON.parse(readFileSync(file, 'utf8')))
    return lock.packages
  } catch {
    return undefined
  }
}

/** @param {string} folder */
function isInstalled(folder) {
  const installed = packagesOf(join(folder, 'node_modules/.package-lock.json'))
  if (installed === undefined) return false
  return Object.entries(packagesOf(join(folder, 'package-lock.json')) ?? {})
    .filter(([path]) => path.includes('node_modules/'))
    .every(([path, wanted]) => {
      const found = installed[path]
      // npm leaves out what is optional and made for another platform.
      if (found === undefined) return wanted.optional === true
      return found.version === wanted.version && found.integrity === wanted.integrity && found.link === wanted.link
    })
}

/** @param {string} folder */
function install(folder) {
  console.error(`${join(folder, 'node_modules')} does not match its package-lock.json: running npm ci`)
  const { status } = spawnSync('npm', ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  })
  return status ?? 1
}

const [first = '.', ...others] = process.argv.slice(2)
for (const name of [first, ...others]) {
  const folder = normalize(join(root, name))
  if (isInstalled(folder)) continue
  const status = install(folder)
  if (status === 0) continue
  process.exitCode = status
  break
}
