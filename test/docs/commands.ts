import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(__dirname, '../..')

/** Scripts that take seconds and need nothing: the docs' mention of them is run, not only looked up. */
const cheap = ['depcruise', 'types']

/** The commands of a `sh` block, comments and line continuations resolved. */
export function commandsOf(code: string): string[] {
  return code
    .replaceAll('\\\n', ' ')
    .split(/\n|&&/)
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
}

/** The name under which the page asks to save a block, which is its first line as a comment. */
export function fileOf(code: string): string | undefined {
  return /^\/\/ ([\w-]+\.[cm]?[jt]s)\n/.exec(code)?.[1]
}

/**
 * Says what is wrong with a command of the docs: what it names must exist, or be `written`, files of the page itself.
 * Undefined if it is right.
 */
export function wrongWith(command: string, written: readonly string[] = []): string | undefined {
  const [program = '', ...args] = withoutVariables(command)
  if (program === 'node' && written.includes(args[0] ?? '')) return undefined
  // The folder of the reader's own project.
  if (program === 'cd' && args[0] === '../my-app') return undefined
  const words = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length)
  const [verb = '', ...rest] = words.filter((word) => !word.startsWith('-'))
  if (program === 'npm') return wrongWithNpm(verb, rest)
  if (program === 'npx') {
    // What has a program of its own: `npx @server-events/cli`.
    if (ours().some(({ name, bin }) => name === verb || Object.hasOwn(bin ?? {}, verb))) return undefined
    if (!existsSync(join(root, 'node_modules/.bin', verb))) return `there is no program ${verb}`
    return rest.find((path) => path.includes('/') && !existsSync(join(root, path)))?.concat(' does not exist')
  }
  if (program === 'node' || program === 'cd' || program === '.ci/run') {
    const path = program === '.ci/run' ? program : verb
    return existsSync(join(root, path)) ? undefined : `there is no ${path}`
  }
  return `${program} is not a command that these docs may use`
}

/** The npm script that a command runs, if that is cheap enough to run it now. */
export function cheapScriptOf(command: string): string | undefined {
  const [program, verb, script = ''] = withoutVariables(command)
  return program === 'npm' && verb === 'run' && cheap.includes(script) ? script : undefined
}

function wrongWithNpm(verb: string, names: readonly string[]): string | undefined {
  const { scripts, devDependencies } = readManifest('.')
  const { dependencies: ofExamples } = readManifest('examples')
  if (verb === 'test' || verb === 'ci') return undefined
  if (verb === 'run') {
    const [script = ''] = names
    if (!(script in scripts)) return `there is no npm script ${script}`
    const [, example = ''] = names
    return script === 'example' && !existsSync(join(root, 'examples', example, 'src/main.ts'))
      ? `there is no example ${example}`
      : undefined
  }
  if (verb === 'install') {
    const peers = ours().flatMap(({ peerDependencies = {} }) => Object.keys(peerDependencies))
    const known = [
      ...ours().map(({ name }) => name),
      ...peers,
      ...Object.keys(devDependencies),
      ...Object.keys(ofExamples),
    ]
    const unknown = names.filter((name) => !known.includes(name.replace(/(?<=.)@.*$/, '')))
    return unknown.length === 0 ? undefined : `unknown package ${unknown.join(', ')}`
  }
  return `npm ${verb} is not a command that these docs may use`
}

function withoutVariables(command: string): string[] {
  const words = command.split(/\s+/)
  return words.slice(words.findIndex((word) => !/^[A-Z_0-9]+=/.test(word)))
}

interface Manifest {
  readonly name: string
  readonly bin?: Record<string, string>
  readonly scripts: Record<string, string>
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

function ours(): Manifest[] {
  return readdirSync(join(root, 'packages')).map((folder) => readManifest(`packages/${folder}`))
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest
}
