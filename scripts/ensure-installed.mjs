// Lets `npm test` and `npm run demo` be single commands on a fresh clone. Silent if there is nothing to do.
// Compares contents, not times: a checkout touches package-lock.json without changing what it asks for.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * @typedef {{ version?: string, integrity?: string, link?: boolean, optional?: boolean }} Locked
 * @param {string} file
 */
function packagesOf(file) {
  try {
    const lock = /** @type {{ packages: Record<string, Locked> }} */ (
      JSON.parse(readFileSync(`${root}/${file}`, 'utf8'))
    )
    return lock.packages
  } catch {
    return undefined
  }
}

function isInstalled() {
  const installed = packagesOf('node_modules/.package-lock.json')
  if (installed === undefined) return false
  return Object.entries(packagesOf('package-lock.json') ?? {})
    .filter(([path]) => path.includes('node_modules/'))
    .every(([path, wanted]) => {
      const found = installed[path]
      // npm leaves out what is optional and made for another platform.
      if (found === undefined) return wanted.optional === true
      return found.version === wanted.version && found.integrity === wanted.integrity && found.link === wanted.link
    })
}

if (!isInstalled()) {
  console.error('node_modules does not match package-lock.json: running npm ci')
  const { status } = spawnSync('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  })
  process.exitCode = status ?? 1
}
