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

/** Says what is wrong with a command of the docs: what it names must exist. Undefined if it is right. */
export function wrongWith(command: string): string | undefined {
  const [program = '', ...args] = withoutVariables(command)
  const words = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length)
  const [verb = '', ...rest] = words.filter((word) => !word.startsWith('-'))
  if (program === 'npm') return wrongWithNpm(verb, rest)
  if (program === 'npx') {
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
  if (verb === 'test' || verb === 'ci') return undefined
  if (verb === 'run') {
    const [script = ''] = names
    return script in scripts ? undefined : `there is no npm script ${script}`
  }
  if (verb === 'install') {
    const ours = readdirSync(join(root, 'packages')).map((folder) => readManifest(`packages/${folder}`))
    const peers = ours.flatMap(({ peerDependencies = {} }) => Object.keys(peerDependencies))
    const known = [...ours.map(({ name }) => name), ...peers, ...Object.keys(devDependencies)]
    const unknown = names.filter((name) => !known.includes(name.replace(/(?<=.)@.*$/, '')))
    return unknown.length === 0 ? undefined : `unknown package ${unknown.join(', ')}`
  }
  if (verb === 'start') {
    // `npm start -w examples/one`
    const [folder = '.'] = names
    return existsSync(join(root, folder)) && 'start' in readManifest(folder).scripts
      ? undefined
      : `there is no start in ${folder}`
  }
  return `npm ${verb} is not a command that these docs may use`
}

function withoutVariables(command: string): string[] {
  const words = command.split(/\s+/)
  return words.slice(words.findIndex((word) => !/^[A-Z_0-9]+=/.test(word)))
}

interface Manifest {
  readonly name: string
  readonly scripts: Record<string, string>
  readonly devDependencies: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest
}
