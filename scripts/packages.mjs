// Checks what npm will publish, not what lies in the tree: packs every public package, lints the tarballs, installs
// them into an empty folder and uses them there as strangers would. With `--bundlers` also by every bundler, compiler and
// package manager that people have, which are installed into a cache; `--record` keeps what these did.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './lib/cache.mjs'
import { checkBuildTools } from './lib/check-build-tools.mjs'
import { installing, running } from './lib/consumer.mjs'
import { entriesOf } from './lib/dist.mjs'
import { report } from './lib/record.mjs'
import { run } from './lib/run.mjs'
import { publicPackages } from './lib/workspace.mjs'

/**
 * @typedef {{ filename: string, files: { path: string }[] }} Packed
 */

const bin = join(root, 'release/node_modules/.bin')
const workspace = mkdtempSync(join(tmpdir(), 'server-events-packages-'))
let failures = 0

/** @param {string} title @param {() => void | Promise<void>} step */
async function check(title, step) {
  try {
    await step()
    console.log(`ok      ${title}`)
  } catch (error) {
    failures++
    console.log(`FAILED  ${title}\n${error instanceof Error ? error.message : String(error)}`)
  }
}

const packages = publicPackages(root)

/** @type {Record<string, string>} */
const tarballs = {}
for (const { name, location } of packages) {
  await check(`${name}: pack`, () => {
    const [packed] = /** @type {Packed[]} */ (
      JSON.parse(run('npm', ['pack', '--json', '--pack-destination', workspace], { cwd: location }))
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
  await check(`${name}: publint --strict`, () => void run(join(bin, 'publint'), ['run', tarball, '--strict']))
  await check(
    `${name}: attw`,
    () => void run(join(bin, 'attw'), [tarball, '--no-definitely-typed', '--format', 'ascii']),
  )
}

const consumer = join(workspace, 'consumer')
for (const [title, step] of [...installing(consumer, Object.values(tarballs)), ...running(consumer)])
  await check(`consumer: ${title}`, step)

if (process.argv.includes('--bundlers')) await report('build tools', await checkBuildTools(Object.values(tarballs)))

rmSync(workspace, { recursive: true, force: true })
if (failures > 0) {
  console.error(`${failures} checks of the packed packages failed`)
  process.exitCode = 1
}
