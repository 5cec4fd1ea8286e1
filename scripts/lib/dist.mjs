// What lies in a package's dist beside what tsc puts there.
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'

const require = createRequire(import.meta.url)

/**
 * The ES module entries of a package, relative to it: what its package.json exports to `import`.
 *
 * @param {string} folder
 * @returns {string[]}
 */
export function entriesOf(folder) {
  const { exports = {} } = /** @type {{ exports?: Record<string, string | { import?: { default: string } }> }} */ (
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  )
  return Object.values(exports).flatMap((target) =>
    typeof target === 'object' && target.import?.default.endsWith('.mjs') ? [target.import.default] : [],
  )
}

/**
 * Writes each entry as re-exports, by name, of the CommonJS build beside it: `export *` leaves it to every bundler to
 * find the names, and not all do.
 *
 * @param {string} folder
 */
export function writeEntries(folder) {
  for (const entry of entriesOf(folder)) {
    const module = resolve(folder, entry)
    const built = module.replace(/\.mjs$/, '.js')
    if (isNewer(module, built)) continue
    const exported = /** @type {object} */ (require(built))
    const names = Object.keys(exported).sort()
    const from = `'./${relative(dirname(module), built)}'`
    writeFileSync(module.replace(/\.mjs$/, '.d.mts'), `export * from ${from}\n`)
    writeFileSync(module, `export {\n${names.map((name) => `  ${name},\n`).join('')}} from ${from}\n`)
  }
}

/**
 * Removes what nothing in src would be compiled to: a renamed source would else be published for ever.
 *
 * @param {string} folder
 */
export function removeOrphans(folder) {
  const dist = join(folder, 'dist')
  const compiled = filesIn(join(folder, 'src')).map((source) => source.replace(/\.ts$/, ''))
  const wanted = new Set([
    'tsconfig.tsbuildinfo',
    ...compiled.flatMap((name) => ['.js', '.js.map', '.d.ts', '.d.ts.map'].map((extension) => name + extension)),
    ...entriesOf(folder).flatMap((entry) => {
      const module = relative('dist', entry)
      return [module, module.replace(/\.mjs$/, '.d.mts')]
    }),
  ])
  for (const file of filesIn(dist)) if (!wanted.has(file)) rmSync(join(dist, file))
}

/** @param {string} folder */
function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
}

/** @param {string} file @param {string} other */
function isNewer(file, other) {
  return existsSync(file) && statSync(file).mtimeMs >= statSync(other).mtimeMs
}
