// Packs every package and installs tarballs into a project, for use before they are on npm:
// `npm run install-packed -- ../my-app redis memory`. What those need of ours comes along.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publicPackages } from './lib/workspace.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
/** They stay: package.json of the project refers to them. */
const packed = join(root, 'packed')
const packages = publicPackages(root)

/** @param {string[]} args @param {string} cwd */
function npm(args, cwd) {
  const { status } = spawnSync('npm', args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed in ${cwd}`)
}

/**
 * The packages of these folders and what they need of ours: npm would ask the registry for it.
 *
 * @param {readonly string[]} folders
 * @returns {typeof packages}
 */
function withNeeds(folders) {
  const found = packages.filter(({ folder }) => folders.includes(folder))
  const needed = found.flatMap(({ manifest: { dependencies, peerDependencies, peerDependenciesMeta = {} } }) =>
    Object.keys({ ...dependencies, ...peerDependencies }).filter((name) => !peerDependenciesMeta[name]?.optional),
  )
  const missing = packages.filter(({ name, folder }) => needed.includes(name) && !folders.includes(folder))
  return missing.length === 0 ? found : withNeeds([...folders, ...missing.map(({ folder }) => folder)])
}

/** @param {string} project @param {readonly string[]} folders */
function install(project, folders) {
  const wanted = withNeeds(folders)
  rmSync(packed, { recursive: true, force: true })
  mkdirSync(packed)
  for (const { location } of packages) npm(['pack', '--pack-destination', packed], location)
  const tarballs = wanted.map(({ name, manifest }) =>
    join(packed, `${name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`),
  )
  npm(['install', '--no-audit', '--no-fund', ...tarballs], project)
  console.log(
    `installed in ${project}: ${wanted.map(({ name, manifest }) => `${name} ${manifest.version}`).join(', ')}`,
  )
}

const [target, ...folders] = process.argv.slice(2)
const unknown = folders.filter((name) => !packages.some(({ folder }) => folder === name))
const project = resolve(target ?? '')
const isProject = existsSync(join(project, 'package.json'))
if (target === undefined || (existsSync(project) && !isProject) || unknown.length > 0) {
  console.error(
    'npm run install-packed -- FOLDER [PACKAGE…]: the folder of a project, which has a package.json, or one that is ' +
      `made, and names of ${packages.map(({ folder }) => folder).join(', ')}`,
  )
  process.exitCode = 1
} else {
  if (!isProject) {
    mkdirSync(project, { recursive: true })
    // Without one npm would install into a project above it.
    writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
  }
  install(project, folders.length > 0 ? folders : ['redis', 'memory'])
}
