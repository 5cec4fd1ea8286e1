// Checks what npm will publish, not what lies in the tree: packs every public package, lints the tarballs, installs
// them into an empty folder and uses them there as strangers would. With `--bundlers` also by every bundler, compiler and
// package manager that people have, which are installed into a cache; `--record` keeps what these did.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkBuildTools } from './lib/check-build-tools.mjs'
import { entriesOf } from './lib/dist.mjs'
import { ownVersion } from './lib/pack.mjs'
import { report } from './lib/record.mjs'
import { publicPackages } from './lib/workspace.mjs'

/**
 * @typedef {{ filename: string, files: { path: string }[] }} Packed
 */

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'release/node_modules/.bin')
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

const packages = publicPackages(root)

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
    const entries = entriesOf(location).flatMap((entry) =>
      ['.mjs', '.d.mts', '.js', '.d.ts'].map((extension) => entry.replace('./', '').replace(/\.mjs$/, extension)),
    )
    const missing = ['README.md', 'LICENSE', ...entries].filter((path) => !paths.includes(path))
    if (missing.length > 0) throw new Error(`not in the tarball: ${missing.join(', ')}`)
    const strays = paths.filter(
      (path) => !/^(dist\/|src\/|package\.json|README\.md|LICENSE|CHANGELOG\.md)(?!.*\.tsbuildinfo$)/.test(path),
    )
    if (strays.length > 0) throw new Error(`should not be in the tarball: ${strays.join(', ')}`)
  })
}

for (const [name, tarball] of Object.entries(tarballs)) {
  check(`${name}: publint --strict`, () => run(join(bin, 'publint'), ['run', tarball, '--strict']))
  check(`${name}: attw`, () => run(join(bin, 'attw'), [tarball, '--no-definitely-typed', '--format', 'ascii']))
}

const consumer = join(workspace, 'consumer')
const tsc = join(root, 'node_modules/.bin/tsc')
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
  const registry = ['ioredis', '@types/node', '@types/pg'].map((name) => `${name}@${ownVersion(name)}`)
  run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--prefer-offline', ...Object.values(tarballs), ...registry],
    consumer,
  )
})
check('consumer: require', () => run(process.execPath, ['require.cjs'], consumer))
check('consumer: import, the same classes as by require', () => run(process.execPath, ['import.mjs'], consumer))
check('consumer: the command line', () => {
  run('npx', ['--no', 'server-events', '--help'], consumer)
  // No server listens on port 1: it has to say so, and nothing else.
  const doctor = spawnSync('npx', ['--no', 'server-events', 'doctor', 'redis://127.0.0.1:1', '--json'], {
    cwd: consumer,
    encoding: 'utf8',
  })
  const { status } = /** @type {{ status: string }} */ (JSON.parse(doctor.stdout))
  if (doctor.status !== 1 || status !== 'bad') throw new Error(`${doctor.status}: ${doctor.stdout}${doctor.stderr}`)
})
check('consumer: nodenext compiles, wrong calls do not', () => run(tsc, ['-p', 'tsconfig.nodenext.json'], consumer))
check('consumer: nodenext .mts runs', () => run(process.execPath, ['out/calls.mjs'], consumer))
check('consumer: nodenext .cts runs', () => run(process.execPath, ['out/calls.cjs'], consumer))
check('consumer: bundler compiles, wrong calls do not', () => run(tsc, ['-p', 'tsconfig.bundler.json'], consumer))
check('consumer: bundler runs', () => run(process.execPath, ['out/bundler/calls.js'], consumer))

if (process.argv.includes('--bundlers')) await report('build tools', await checkBuildTools(Object.values(tarballs)))

rmSync(workspace, { recursive: true, force: true })
if (failures > 0) {
  console.error(`${failures} checks of the packed packages failed`)
  process.exitCode = 1
}
