// Runs lerna on this repository (`version`, `publish from-package`), or tries a release without one: `dry-run`.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publicPackages } from './lib/workspace.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const lerna = join(root, 'release/node_modules/.bin/lerna')
const env = { ...process.env, NX_DAEMON: 'false' }

/** @param {string} command @param {string[]} args @param {string} cwd */
function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`)
  return stdout
}

/**
 * What is wrong with the versions of a tree: all packages have the one of lerna.json, and reach each other with it.
 *
 * @param {string} folder
 */
function wrongVersions(folder) {
  const { version } = /** @type {{ version: string }} */ (JSON.parse(readFileSync(join(folder, 'lerna.json'), 'utf8')))
  const [major = ''] = version.split('.')
  const packages = publicPackages(folder)
  const names = packages.map(({ name }) => name)
  const wrong = packages.flatMap(({ name, manifest }) => {
    const { dependencies = {}, peerDependencies = {} } = manifest
    const ranges = Object.entries({ ...dependencies, ...peerDependencies })
      .filter(([other, range]) => names.includes(other) && !range.startsWith(`^${major}.`))
      .map(([other, range]) => `${name} asks for ${other} ${range}`)
    return manifest.version === version ? ranges : [`${name} is at ${manifest.version}`, ...ranges]
  })
  return { version, wrong }
}

function dryRun() {
  const clone = mkdtempSync(join(tmpdir(), 'server-events-release-'))
  try {
    run('git', ['clone', '--quiet', root, clone], root)
    // lerna commits and tags, in the clone.
    for (const [key, value] of Object.entries({ 'user.name': 'dry run', 'user.email': 'dry-run@localhost' })) {
      run('git', ['config', key, value], clone)
    }
    run(lerna, ['version', '--yes', '--no-push', '--loglevel=error'], clone)
    const { version, wrong } = wrongVersions(clone)
    if (wrong.length > 0) throw new Error(wrong.join('\n'))
    const tag = run('git', ['tag', '--points-at', 'HEAD'], clone).trim()
    console.log(
      `version: ${version}, tagged ${tag}, with ${readdirSync(clone).includes('CHANGELOG.md') ? 'a' : 'no'} changelog`,
    )
  } finally {
    rmSync(clone, { recursive: true, force: true })
  }
  for (const { name, location } of publicPackages(root)) {
    const output = run('npm', ['publish', '--dry-run', '--json', '--provenance=false'], location)
    const reported = /** @type {Record<string, { size: number, entryCount: number }>} */ (JSON.parse(output))
    const { size = 0, entryCount = 0 } = reported[name] ?? {}
    console.log(`publish: ${name}, ${entryCount} files, ${Math.ceil(size / 1024)} KB`)
  }
}

const args = process.argv.slice(2)
if (args[0] === 'dry-run') dryRun()
else process.exitCode = spawnSync(lerna, args, { cwd: root, env, stdio: 'inherit' }).status ?? 1
