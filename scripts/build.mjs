// Compiles packages, testing and the demo, each after what it refers to and only where something changed; with `--all`
// also what has dependencies of its own to install, the other examples and the benchmark; or the folders that are named
// and what those need. Then does what tsc does not: removes what was compiled from sources that are gone, and writes the
// ES module entries.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import ts from 'typescript'
import { removeOrphans, writeEntries } from './lib/dist.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** @param {string} file @returns {unknown} */
const readJson = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'))

/**
 * The folders that patterns such as `packages/*` name, of those that are compiled.
 *
 * @param {string[]} patterns
 */
function projectsOf(patterns) {
  return patterns
    .flatMap((pattern) =>
      pattern.endsWith('/*')
        ? readdirSync(join(root, pattern, '..')).map((name) => join(root, pattern, '..', name))
        : [join(root, pattern)],
    )
    .filter((folder) => existsSync(join(folder, 'tsconfig.json')))
}

/** @param {string[]} projects Returns whether all could be compiled. */
function compile(projects) {
  const format = {
    getCanonicalFileName: (/** @type {string} */ name) => name,
    getCurrentDirectory: () => process.cwd(),
    getNewLine: () => '\n',
  }
  const report = (/** @type {ts.Diagnostic} */ diagnostic) =>
    process.stderr.write(
      process.stderr.isTTY
        ? ts.formatDiagnosticsWithColorAndContext([diagnostic], format)
        : ts.formatDiagnostics([diagnostic], format),
    )
  // What has a status reports it: a project that is up to date has nothing to say.
  const host = ts.createSolutionBuilderHost(ts.sys, undefined, report, () => undefined)
  const builder = ts.createSolutionBuilder(host, projects, {})
  let succeeded = true
  for (;;) {
    const next = builder.getNextInvalidatedProject()
    if (next === undefined) return succeeded
    if (next.kind === ts.InvalidatedProjectKind.Build) {
      process.stderr.write(`compiling ${relative(root, resolve(next.project, '..'))}\n`)
    }
    if (next.done() !== ts.ExitStatus.Success) succeeded = false
    // At once: what comes next may import it as an ES module, whose types are beside the entry.
    else tidy(resolve(next.project, '..'))
  }
}

const { positionals, values } = parseArgs({ options: { all: { type: 'boolean' } }, allowPositionals: true })
const { packages } = /** @type {{ packages: string[] }} */ (readJson('lerna.json'))
const { workspaces } = /** @type {{ workspaces: string[] }} */ (readJson('package.json'))
/** @param {string} folder */
function tidy(folder) {
  if (!existsSync(join(folder, 'dist'))) return
  removeOrphans(folder)
  writeEntries(folder)
}

const named = positionals.map((folder) => resolve(folder))
if (compile(named.length > 0 ? named : projectsOf(values.all ? packages : workspaces))) {
  for (const folder of projectsOf(packages)) tidy(folder)
} else {
  process.exitCode = 1
}
