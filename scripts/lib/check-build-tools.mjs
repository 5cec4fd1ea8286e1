// Tries the packed packages with bundlers, compilers and package managers: what comes out must do the main job on all
// transports, and hold one copy of our classes.
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { startNats, startPostgres, startRedis } from '@server-events/testing'
import ts from 'typescript'
import { bundlers } from './build-tools.mjs'
import { cacheFolder, root } from './cache.mjs'
import { installNodes, majors } from './installs/nodes.mjs'
import { ownVersion } from './pack.mjs'
import { messageOf, run } from './run.mjs'
import { installTools } from './installs/tools.mjs'

/**
 * @typedef {import('./record.mjs').Row} Row
 * @typedef {ReturnType<typeof installTools>} Tools
 */

/** The compilers that must read our types, oldest first: 5.4 has `NoInfer`. */
const compilers = ['5.4', '5.9', '6', '7']

/**
 * @param {readonly string[]} tarballs
 * @returns {Promise<Row[]>}
 */
export async function checkBuildTools(tarballs) {
  const work = mkdtempSync(join(tmpdir(), 'server-events-build-tools-'))
  const [redis, nats, postgres] = await Promise.all([startRedis(), startNats(), startPostgres()])
  const env = { REDIS_URL: redis.url, NATS_URL: nats.url, POSTGRES_URL: postgres.url, NO_COLOR: '1' }
  try {
    const tools = installTools('build-tools', [
      ...bundlers.flatMap((tool) => [`${tool.package}@latest`, ...(tool.others ?? []).map((name) => `${name}@latest`)]),
      ...compilers.map((version) => `typescript-${version}@npm:typescript@${version}`),
      'pnpm@latest',
      '@yarnpkg/cli-dist@latest',
    ])
    const project = join(work, 'project')
    writeProject(project, tarballs)
    run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: project })
    return [
      ...bundlers.map((tool) => tryBundler(tool, tools, project, env)),
      tryTypeStripping(project, env),
      tryPnpm(tools, join(work, 'pnpm'), tarballs, env),
      tryYarn(tools, join(work, 'yarn'), tarballs, env),
      ...compilers.map((version) => tryCompiler(version, tools, project)),
    ]
  } finally {
    await Promise.all([redis.stop(), nats.stop(), postgres.stop()])
    rmSync(work, { recursive: true, force: true })
  }
}

/**
 * A folder with the programs, and what they need as dependencies.
 *
 * @param {string} folder
 * @param {readonly string[]} tarballs
 */
function writeProject(folder, tarballs) {
  cpSync(join(root, 'test/bundlers'), folder, { recursive: true })
  const source = readFileSync(join(folder, 'main.ts'), 'utf8')
  for (const [file, module] of /** @type {const} */ ([
    ['main.mjs', ts.ModuleKind.ES2022],
    ['main.cjs', ts.ModuleKind.CommonJS],
  ])) {
    const { outputText } = ts.transpileModule(source, { compilerOptions: { module, target: ts.ScriptTarget.ES2022 } })
    writeFileSync(join(folder, file), outputText)
  }
  /** @type {Record<string, string>} */
  const dependencies = {}
  for (const tarball of tarballs) {
    // npm names them `scope-name-1.2.3.tgz`.
    const [, name = ''] = /^(.+)-\d+\.\d+\.\d+.*\.tgz$/.exec(basename(tarball)) ?? []
    dependencies[name.replace(/^server-events-(?!$)/, '@server-events/')] = `file:${tarball}`
  }
  for (const name of ['ioredis', '@nats-io/kv', '@nats-io/transport-node', 'pg', '@types/node', '@types/pg'])
    dependencies[name] = ownVersion(name)
  const manifest = { private: true, type: 'module', dependencies }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  return {
    manifest,
    ours: Object.fromEntries(Object.entries(dependencies).filter(([, spec]) => spec.startsWith('file:'))),
  }
}

/**
 * Runs checks, tells of each, and counts.
 *
 * @param {string} subject
 * @param {string} version
 * @param {Record<string, () => void>} checks
 * @returns {Row}
 */
function row(subject, version, checks) {
  let failed = 0
  for (const [title, check] of Object.entries(checks)) {
    try {
      check()
      console.log(`ok      ${subject} ${version}: ${title}`)
    } catch (error) {
      failed++
      console.log(`FAILED  ${subject} ${version}: ${title}\n${messageOf(error)}`)
    }
  }
  const ran = Object.keys(checks).join('; ')
  return { subject, version, ran, passed: Object.keys(checks).length - failed, failed }
}

/** @param {string} command @param {string[]} args @param {string} cwd @param {Record<string, string>} env */
function mustWork(command, args, cwd, env) {
  const printed = run(command, args, { cwd, env, timeout: 120_000 })
  if (printed !== 'works\n') throw new Error(`it printed ${printed}`)
}

/**
 * @param {import('./build-tools.mjs').Tool} tool
 * @param {Tools} tools
 * @param {string} project
 * @param {Record<string, string>} env
 */
function tryBundler(tool, tools, project, env) {
  const modules = join(cacheFolder('build-tools'), 'node_modules')
  /** @param {import('./build-tools.mjs').Way} way */
  const check = ({ build, env: more = {}, output, by, alone = false }) => {
    const [program, ...args] = build ?? []
    // A configuration finds the plugins beside the tool; an esm loader looks elsewhere, so they are CommonJS.
    const options = { cwd: project, env: { ...more, NODE_PATH: modules, NODE_ENV: 'production' } }
    if (program !== undefined) run(tools.program(program), args, options)
    const built = join(project, 'out', output)
    const file = alone ? join(dirname(project), 'alone', output) : built
    if (alone) {
      mkdirSync(dirname(file), { recursive: true })
      copyFileSync(built, file)
    }
    mustWork(by === undefined ? process.execPath : tools.program(by), [file], dirname(file), env)
  }
  const checks = tool.ways.map((way) => /** @type {const} */ ([way.title, () => check(way)]))
  return row(tool.name, tools.version(tool.package), Object.fromEntries(checks))
}

/** @param {string} project @param {Record<string, string>} env */
function tryTypeStripping(project, env) {
  const [newest] = installNodes(majors.slice(-1))
  if (newest === undefined) throw new Error('no Node')
  return row('Type stripping of Node', newest.version, {
    'main.ts': () => mustWork(newest.node, ['main.ts'], project, env),
  })
}

/** @param {Tools} tools @param {string} folder @param {readonly string[]} tarballs @param {Record<string, string>} env */
function tryPnpm(tools, folder, tarballs, env) {
  const { ours } = writeProject(folder, tarballs)
  // What they ask for of each other is not in the registry at this version. JSON is YAML.
  writeFileSync(join(folder, 'pnpm-workspace.yaml'), JSON.stringify({ nodeLinker: 'isolated', overrides: ours }))
  return row('pnpm, isolated', tools.version('pnpm'), {
    import() {
      const store = `--store-dir=${cacheFolder('pnpm-store')}`
      const args = ['install', '--ignore-scripts', '--no-frozen-lockfile', store]
      run(tools.program('pnpm'), args, { cwd: folder })
      mustWork(process.execPath, ['main.mjs'], folder, env)
    },
    require: () => mustWork(process.execPath, ['main.cjs'], folder, env),
  })
}

/** @param {Tools} tools @param {string} folder @param {readonly string[]} tarballs @param {Record<string, string>} env */
function tryYarn(tools, folder, tarballs, env) {
  const { manifest, ours } = writeProject(folder, tarballs)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, resolutions: ours }))
  const settings = {
    nodeLinker: 'pnp',
    // Without it, Node finds by `require` only.
    pnpEnableEsmLoader: 'true',
    enableTelemetry: 'false',
    enableScripts: 'false',
    enableImmutableInstalls: 'false',
    // Yarn has an address of its own; what npm reaches is what this machine reaches.
    npmRegistryServer: run('npm', ['config', 'get', 'registry']).trim(),
    globalFolder: cacheFolder('yarn'),
  }
  const lines = Object.entries(settings).map(([key, value]) => `${key}: ${value}\n`)
  writeFileSync(join(folder, '.yarnrc.yml'), lines.join(''))
  writeFileSync(join(folder, 'yarn.lock'), '')
  const yarn = tools.program('yarn')
  return row('Yarn, Plug’n’Play', tools.version('@yarnpkg/cli-dist'), {
    import() {
      run(yarn, ['install'], { cwd: folder })
      mustWork(yarn, ['node', 'main.mjs'], folder, env)
    },
    require: () => mustWork(yarn, ['node', 'main.cjs'], folder, env),
  })
}

/** @param {string} version @param {Tools} tools @param {string} project */
function tryCompiler(version, tools, project) {
  const name = `typescript-${version}`
  const folder = join(project, name)
  const consumer = join(root, 'test/consumer')
  mkdirSync(join(folder, 'bundler'), { recursive: true })
  for (const file of ['tsconfig.nodenext.json', 'tsconfig.bundler.json'])
    copyFileSync(join(consumer, file), join(folder, file))
  for (const file of ['calls.mts', 'calls.cts', 'bundler/calls.ts'])
    copyFileSync(join(consumer, 'calls.ts'), join(folder, file))
  // The types that pg's protocol package has are for 5.7 and later: what uses ours is checked, they are not.
  const isOld = version.localeCompare('5.7', 'en', { numeric: true }) < 0
  const tsc = [join(cacheFolder('build-tools'), 'node_modules', name, 'bin/tsc'), ...(isOld ? ['--skipLibCheck'] : [])]
  const calls = `nodenext, right and wrong calls${isOld ? ', with skipLibCheck' : ''}`
  return row(`TypeScript ${version}`, tools.version(name), {
    [calls]: () => void run(process.execPath, [...tsc, '-p', 'tsconfig.nodenext.json'], { cwd: folder }),
    bundler: () => void run(process.execPath, [...tsc, '-p', 'tsconfig.bundler.json'], { cwd: folder }),
  })
}
