import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * A folder that stays from run to run. It lies outside the repository: what is installed in it must not find the
 * packages of the repository, nor survive in what `npm ci` removes.
 *
 * @param {string} name
 */
export function cacheFolder(name) {
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'server-events', name)
  mkdirSync(folder, { recursive: true })
  return folder
}
