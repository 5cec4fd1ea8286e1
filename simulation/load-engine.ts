import * as asyncHooks from 'node:async_hooks'
import * as diagnosticsChannel from 'node:diagnostics_channel'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type * as Core from 'server-events'
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript'
import type { Mutant } from './mutants'

const source = join(__dirname, '../packages/core/src')

type ModuleBody = (exports: object, require: (specifier: string) => object, ...globals: unknown[]) => void

const compiled = new Map<string, string>()

/**
 * Loads the source of packages/core into globals of our own, with a mutant's edits if one is given.
 *
 * Each module gets the globals as parameters. So the engine finds the `setTimeout` that it saw at
 * load, which is its way of telling that nobody fakes timers: what runs here is the path that runs
 * in production. Nothing outside sees these globals.
 */
export function loadEngine(globals: Record<string, unknown>, mutant?: Mutant): typeof Core {
  const edited = applyEdits(mutant)
  const modules = new Map<string, object>()
  const load = (path: string): object => {
    const present = modules.get(path)
    if (present !== undefined) return present
    const exports = {}
    modules.set(path, exports)
    const text = edited.get(path)
    if (text === undefined) throw new Error(`packages/core/src has no ${path}`)
    // The parameters are what this is for, and the code is ours.
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    const body = new Function('exports', 'require', ...Object.keys(globals), compile(path, text)) as ModuleBody
    const requireFrom = (specifier: string): object =>
      specifier.startsWith('node:') ? builtin(specifier) : load(join(dirname(path), `${specifier}.ts`))
    body(exports, requireFrom, ...Object.values(globals))
    return exports
  }
  return load('index.ts') as typeof Core
}

/** What has neither a clock nor timers, which must be ours. */
function builtin(specifier: string): object {
  if (specifier === 'node:async_hooks') return asyncHooks
  if (specifier === 'node:diagnostics_channel') return diagnosticsChannel
  throw new Error(`the engine may not use ${specifier} in the simulation`)
}

function compile(path: string, text: string): string {
  const present = compiled.get(text)
  if (present !== undefined) return present
  const compilerOptions = { module: ModuleKind.CommonJS, target: ScriptTarget.ES2022 }
  const { outputText } = transpileModule(text, { compilerOptions, fileName: path })
  const named = `${outputText}\n//# sourceURL=packages/core/src/${path}`
  compiled.set(text, named)
  return named
}

/** Every file of the engine, edited. */
function applyEdits(mutant: Mutant | undefined): Map<string, string> {
  const texts = new Map<string, string>()
  for (const file of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!file.isFile() || !file.name.endsWith('.ts')) continue
    const path = join(file.parentPath, file.name)
    texts.set(relative(source, path), readFileSync(path, 'utf8'))
  }
  for (const { file, search, replace } of mutant?.edits ?? []) {
    const parts = texts.get(file)?.split(search) ?? []
    if (parts.length !== 2) {
      throw new Error(
        `mutant ${String(mutant?.name)}: its text must stand once in ${file}, not ${parts.length - 1} times:\n${search}`,
      )
    }
    texts.set(file, parts.join(replace))
  }
  return texts
}
