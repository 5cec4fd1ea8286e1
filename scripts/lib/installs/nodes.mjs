import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../cache.mjs'
import { run } from '../run.mjs'

/** The supported versions of Node, oldest first. */
export const majors = [20, 22, 24, 26]

const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']

/**
 * The newest Node of each major, from the registry (about 190 MB each).
 *
 * @param {readonly number[]} wanted
 * @returns {{ major: number, version: string, node: string }[]} `node` is the path of a binary
 * @throws {Error} with what to do instead, where there are no packages with a Node
 */
export function installNodes(wanted) {
  const platform = `${process.platform}-${process.arch}`
  if (!platforms.includes(platform))
    throw new Error(
      `the registry has no package with Node for ${platform}, only for ${platforms.join(', ')}: install Node ` +
        `${wanted.join(', ')} by other means and run jest with each`,
    )
  return wanted.map((major) => {
    const folder = cacheFolder(`node${major}`)
    writeFileSync(join(folder, 'package.json'), '{ "private": true }')
    // Without scripts: `node` itself would fetch this package in its postinstall.
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', `node-${platform}@${major}`]
    run('npm', args, { cwd: folder, timeout: 600_000 })
    const node = join(folder, `node_modules/node-${platform}/bin/node`)
    return { major, version: run(node, ['--version']).trim().slice(1), node }
  })
}
