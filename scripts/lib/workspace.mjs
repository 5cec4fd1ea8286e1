// The packages of this repository that are published.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * @typedef {{ name: string, version: string, private?: boolean, dependencies?: Record<string, string>, peerDependencies?: Record<string, string>, peerDependenciesMeta?: Record<string, { optional?: boolean }> }} Manifest
 * @param {string} root
 */
export function publicPackages(root) {
  return readdirSync(join(root, 'packages'))
    .map((folder) => {
      const location = join(root, 'packages', folder)
      const manifest = /** @type {Manifest} */ (JSON.parse(readFileSync(join(location, 'package.json'), 'utf8')))
      return { folder, location, manifest, name: manifest.name }
    })
    .filter(({ manifest }) => manifest.private !== true)
}
