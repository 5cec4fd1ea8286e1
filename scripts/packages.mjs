// Checks what npm will publish, not what lies in the tree: packs every public package, lints the tarballs, installs
// them into an empty folder and uses them there as strangers would.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * @typedef {{ name: string, version: string, location: string, private: boolean }} Package
 * @typedef {{ filename: string, files: { path: string }[] }} Packed
 */

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'node_modules/.bin')
const workspace = mkdtempSync(join(tmpdir(), 'server-events-packages-'))
let failures = 0

/** @param {string} title @param {() => void} step */
function check(title, step) {
  try {
    step()
    console.log(`ok      ${title}`)
  } catch (error) {
    failures++
    console.log(`FAILED  ${title}\n${error instanceof Error ? error.message : String(error)}`)
  }
}

/** @param {string} command @param {string[]} args @param {string} [cwd] */
function run(command, args, cwd = root) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 300_000 })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`)
  return stdout
}

/** @param {string} file @returns {unknown} */
const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'))

const manifest = /** @type {{ devDependencies: Record<string, string> }} */ (readJson(join(root, 'package.json')))
const packages = /** @type {Package[]} */ (JSON.parse(run(join(bin, 'lerna'), ['list', '--json', '--loglevel=error'])))

/** @type {Record<string, string>} */
const tarballs = {}
for (const { name, location } of packages) {
  check(`${name}: pack`, () => {
    const [packed] = /** @type {Packed[]} */ (
      JSON.parse(run('npm', ['pack', '--json', '--pack-destination', workspace], location))
    )
    if (packed === undefined) throw new Error('npm pack reported nothing')
    tarballs[name] = join(workspace, packed.filename)
    const paths = packed.files.map(({ path }) => path)
    const needed = ['README.md', 'LICENSE', 'dist/index.js', 'dist/index.mjs', 'dist/index.d.ts', 'dist/index.d.mts']
    const missing = needed.filter((path) => !paths.includes(path))
    if (missing.length > 0) throw new Error(`not in the tarball: ${missing.join(', ')}`)
    const strays = paths.filter((path) => !/^(dist\/|src\/|package\.json|README\.md|LICENSE|CHANGELOG\.md)/.test(path))
    if (strays.length > 0) throw new Error(`should not be in the tarball: ${strays.join(', ')}`)
    // A build keeps what was once compiled: a renamed source would be published for ever.
    const orphans = paths
      .filter((path) => /^dist\/.*(?<!\.d)\.js$/.test(path))
      .filter((path) => !paths.includes(path.replace(/^dist\//, 'src/').replace(/js$/, 'ts')))
    if (orphans.length > 0) throw new Error(`built from no source (remove dist and build again): ${orphans.join(', ')}`)
  })
}

for (const [name, tarball] of Object.entries(tarballs)) {
  check(`${name}: publint --strict`, () => run(join(bin, 'publint'), ['run', tarball, '--strict']))
  check(`${name}: attw`, () => run(join(bin, 'attw'), [tarball, '--no-definitely-typed', '--format', 'ascii']))
}

const consumer = join(workspace, 'consumer')
const tsc = join(bin, 'tsc')
cpSync(join(root, 'test/consumer'), consumer, { recursive: true })
for (const copy of ['calls.mts', 'calls.cts']) cpSync(join(consumer, 'calls.ts'), join(consumer, copy))
mkdirSync(join(consumer, 'bundler'))
cpSync(join(consumer, 'calls.ts'), join(consumer, 'bundler/calls.ts'))
rmSync(join(consumer, 'calls.ts'))
for (const [folder, type] of /** @type {const} */ ([
  ['.', 'commonjs'],
  ['bundler', 'module'],
  ['out/bundler', 'module'],
])) {
  mkdirSync(join(consumer, folder), { recursive: true })
  writeFileSync(join(consumer, folder, 'package.json'), JSON.stringify({ private: true, type }))
}

check('consumer: install', () => {
  const registry = ['ioredis', '@types/node'].map((name) => `${name}@${manifest.devDependencies[name] ?? ''}`)
  run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--prefer-offline', ...Object.values(tarballs), ...registry],
    consumer,
  )
})
check('consumer: require', () => run(process.execPath, ['require.cjs'], consumer))
check('consumer: import, the same classes as by require', () => run(process.execPath, ['import.mjs'], consumer))
check('consumer: nodenext compiles, wrong calls do not', () => run(tsc, ['-p', 'tsconfig.nodenext.json'], consumer))
check('consumer: nodenext .mts runs', () => run(process.execPath, ['out/calls.mjs'], consumer))
check('consumer: nodenext .cts runs', () => run(process.execPath, ['out/calls.cjs'], consumer))
check('consumer: bundler compiles, wrong calls do not', () => run(tsc, ['-p', 'tsconfig.bundler.json'], consumer))
check('consumer: bundler runs', () => run(process.execPath, ['out/bundler/calls.js'], consumer))

rmSync(workspace, { recursive: true, force: true })
if (failures > 0) {
  console.error(`${failures} checks of the packed packages failed`)
  process.exitCode = 1
}
