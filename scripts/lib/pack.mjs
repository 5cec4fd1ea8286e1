import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './cache.mjs'
import { run } from './run.mjs'
import { publicPackages } from './workspace.mjs'

/** @typedef {{ filename: string, files: { path: string }[] }} Packed as `npm pack --json` tells it */

/** @param {string} location @param {string} folder where the tarball goes @returns {Packed} */
function pack(location, folder) {
  /** @type {Packed[]} */
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: location }))
  if (packed === undefined) throw new Error('npm pack reported nothing')
  return packed
}

/** @param {string} folder @returns {string[]} the paths of all tarballs */
export function packAll(folder) {
  return publicPackages(root).map(({ location }) => join(folder, pack(location, folder).filename))
}

/** The version that the repository itself has installed. @param {string} name */
export function ownVersion(name) {
  /** @type {{ version: string }} */
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'))
  return version
}
