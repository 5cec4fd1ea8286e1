// Newer servers than the system's, beside it: packages of later Debian suites, unpacked into a folder and run by the
// loader and the libraries that come with them. Nothing is installed, and the system's apt keeps its own state.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../cache.mjs'
import { messageOf, run } from '../run.mjs'

/**
 * @typedef {'redis' | 'valkey' | 'nats'} Kind
 * @typedef {{ kind: Kind, suite: string, version: string, binary: string }} Server `binary` runs as it is
 */

/** Oldest first. */
export const suites = ['trixie', 'sid']

/** @type {Kind[]} */
const kinds = ['redis', 'valkey', 'nats']

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

/**
 * Downloads and unpacks what is not there yet.
 *
 * @param {string} suite
 * @returns {Server[]}
 * @throws {Error} with the reason where that is impossible
 */
export function unpackServers(suite) {
  const folder = join(cacheFolder('servers'), suite)
  const apt = privateApt(suite, mirrorOf(suite), join(folder, 'apt'))
  return kinds.map((kind) => {
    const unpacked = unpack(`${kind}-server`, apt, folder)
    const binary = kind === 'nats' ? find(unpacked, ['usr/sbin', 'usr/bin'], /^nats-server$/) : wrapper(kind, unpacked)
    const version = /\d+\.\d+\.\d+/.exec(run(binary, ['--version']))?.[0]
    if (version === undefined) throw new Error(`${binary} --version tells no version`)
    return { kind, suite, version, binary }
  })
}

/**
 * The mirror that this machine takes its own suite from: it has the others as well, and whoever chose it may have no
 * way to another.
 *
 * @param {string} suite
 */
function mirrorOf(suite) {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  const own = /^VERSION_CODENAME="?(\w+)/m.exec(release)?.[1] ?? ''
  if (!/^ID="?debian"?$/m.test(release))
    throw new Error(
      'newer servers are unpacked from packages of Debian, with the apt-get of a Debian system, and this is none: ' +
        'set REDIS_SERVER or NATS_SERVER to the path of a server that you have and run jest yourself',
    )
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)'
  const targets = run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'])
    .split('\n')
    .map((line) => line.split(' '))
  // On the machine of a maintainer, apt may call its suite by the name or by what it is.
  const [mirror] = targets.find(([, name, component]) => component === 'main' && isOwn(name, own)) ?? []
  if (mirror === undefined)
    throw new Error(
      `the apt sources of this machine name no mirror of Debian ${own}: ` +
        `add one, so that ${suite} can be fetched from it`,
    )
  return mirror
}

/** @param {string | undefined} name @param {string} own */
function isOwn(name, own) {
  return name !== undefined && [own, 'stable', 'testing', 'unstable', 'sid'].includes(name)
}

/**
 * An apt-get that knows this suite only, keeps its state in a folder of its own, and refuses what is not signed.
 *
 * @param {string} suite
 * @param {string} mirror
 * @param {string} folder
 */
function privateApt(suite, mirror, folder) {
  for (const path of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, path), { recursive: true })
  // Without this keyring, apt takes the keys that the system trusts: it verifies either way.
  const signedBy = existsSync(keyring) ? `[signed-by=${keyring}] ` : ''
  writeFileSync(join(folder, 'sources.list'), `deb ${signedBy}${mirror} ${suite} main\n`)
  writeFileSync(join(folder, 'status'), '')
  const settings = {
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Acquire::Languages': 'none',
    'Acquire::AllowInsecureRepositories': 'false',
    'APT::Get::AllowUnauthenticated': 'false',
    // Its user could not read a folder below a home.
    'APT::Sandbox::User': 'root',
  }
  const config = join(folder, 'apt.conf')
  writeFileSync(
    config,
    Object.entries(settings)
      .map(([key, value]) => `${key} "${value}";\n`)
      .join(''),
  )
  /** @param {string} program @param {string[]} args @param {string} [cwd] */
  const apt = (program, args, cwd = folder) => run(program, args, { cwd, env: { APT_CONFIG: config } })
  try {
    // Else apt takes a mirror that cannot be reached for a warning, and goes on with what it knew.
    apt('apt-get', ['update', '--error-on=any'])
  } catch (error) {
    throw new Error(`${mirror} did not give its list of ${suite}, or its signature is wrong: ${messageOf(error)}`)
  }
  return apt
}

/**
 * The package, its tools and all libraries that it needs, in a folder named by its version.
 *
 * @param {string} name
 * @param {(program: string, args: string[], cwd?: string) => string} apt
 * @param {string} folder
 * @returns {string} that folder
 */
function unpack(name, apt, folder) {
  const version = /Candidate: (\S+)/.exec(apt('apt-cache', ['policy', name]))?.[1]
  if (version === undefined || version === '(none)') throw new Error(`there is no package ${name} in ${folder}`)
  const target = join(folder, `${name}_${version.replaceAll(/[^\w.+-]/g, '-')}`)
  if (existsSync(target)) return target
  const work = mkdtempSync(`${target}.`)
  try {
    apt('apt-get', ['download', ...withLibraries(name, apt)], work)
    for (const file of readdirSync(work)) {
      if (!file.endsWith('.deb')) continue
      run('dpkg', ['-x', file, work], { cwd: work })
      rmSync(join(work, file))
    }
    // Whoever unpacks the same at the same time has the same, and whole.
    if (!existsSync(target)) renameSync(work, target)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return target
}

/**
 * What a server needs to run, not what a package needs to be installed: users and units are of no use here.
 *
 * @param {string} name
 * @param {(program: string, args: string[]) => string} apt
 */
function withLibraries(name, apt) {
  const needed = new Set([name])
  for (const one of needed) {
    const depends = apt('apt-cache', ['depends', '--important', one])
    for (const [, other = ''] of depends.matchAll(/^ {2}(?:Pre)?Depends: (\S+)$/gm))
      if (/^lib|^zlib|-tools$/.test(other)) needed.add(other)
  }
  return [...needed]
}

/** @param {string} folder @param {string[]} places @param {RegExp} name */
function find(folder, places, name) {
  for (const place of places) {
    const path = join(folder, place)
    const found = existsSync(path) ? readdirSync(path).find((entry) => name.test(entry)) : undefined
    if (found !== undefined) return join(path, found)
  }
  throw new Error(`no ${name.source} in ${places.join(', ')} of ${folder}`)
}

/**
 * A script that starts a server with its own loader: the system's C library is too old for it.
 *
 * @param {Kind} kind
 * @param {string} unpacked
 */
function wrapper(kind, unpacked) {
  const loader = find(unpacked, ['usr/lib64', 'usr/lib', 'lib64', 'lib'], /^ld-linux.*\.so\.\d$/)
  const libraries = find(unpacked, ['usr/lib'], /-linux-gnu/)
  const binary = find(unpacked, ['usr/bin'], new RegExp(`^${kind}-server$`))
  const script = join(unpacked, `${kind}-server`)
  writeFileSync(script, `#!/bin/sh\nexec '${loader}' --library-path '${libraries}' '${binary}' "$@"\n`, { mode: 0o755 })
  return script
}
