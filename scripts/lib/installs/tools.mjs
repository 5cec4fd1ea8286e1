import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../cache.mjs'
import { run } from '../run.mjs'

/**
 * Programs from the registry, in a folder of the cache: the newest, or what a spec asks for.
 *
 * @param {string} name of the folder
 * @param {readonly string[]} specs
 * @returns {{ version: (name: string) => string, program: (name: string) => string }} `program` is the path of one of
 *   node_modules/.bin
 */
export function installTools(name, specs) {
  const folder = cacheFolder(name)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  // Without scripts: they run here what a stranger wrote, and binaries come as packages of their own.
  const args = ['install', '--ignore-scripts', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--force']
  run('npm', [...args, ...specs], { cwd: folder, timeout: 900_000 })
  const modules = join(folder, 'node_modules')
  return {
    version(name) {
      /** @type {{ version: string }} */
      const { version } = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8'))
      return version
    },
    program(name) {
      if (name === 'bun') return binary(join(modules, '@oven'), 'bin/bun')
      if (name === 'deno') return binary(join(modules, '@deno'), 'deno')
      return join(modules, '.bin', name)
    },
  }
}

/**
 * npm installs the package of this platform only: what its parent's script would have linked.
 *
 * @param {string} scope
 * @param {string} path
 */
function binary(scope, path) {
  const own = existsSync(scope)
    ? readdirSync(scope).find((name) => name.includes(process.platform) && name.includes(process.arch))
    : undefined
  if (own === undefined) throw new Error(`there is no package for ${process.platform} on ${process.arch} in ${scope}`)
  return join(scope, own, path)
}
