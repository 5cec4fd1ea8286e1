import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import ts from 'typescript'
import type { Block } from './blocks'

const root = resolve(__dirname, '../..')

/** What a reader with strict settings has. */
const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  allowJs: true,
  checkJs: true,
  // As NestJS sets them; they concern nobody who has no decorators.
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  types: ['node'],
}

export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * The `ts` and `js` blocks as programs: each is compiled and run as a reader would who copied it into a file of a
 * project that has our packages installed. Runs what is built, not the sources.
 */
export class Programs {
  private readonly folder = mkdtempSync(join(tmpdir(), 'server-events-docs-'))
  readonly #programs = join(this.folder, 'programs')
  private readonly problems = new Map<Block, string[]>()
  private readonly files = new Map<Block, string>()

  constructor(
    blocks: readonly Block[],
    private readonly redis: { readonly url: string; readonly port: number },
    /** What programs are told of other servers. */
    private readonly env: NodeJS.ProcessEnv = {},
  ) {
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'))
    mkdirSync(this.#programs)
    // What the docs need beside what the root has.
    symlinkSync(join(root, 'examples/node_modules'), join(this.#programs, 'node_modules'))
    const sources = new Map<string, Block>()
    for (const [index, block] of blocks.entries()) {
      const source = join(this.#programs, `block-${index}${extensionOf(block)}`)
      writeFileSync(source, this.withOwnRedis(block.code))
      sources.set(source, block)
      this.files.set(block, join(this.#programs, 'out', `block-${index}${extensionOf(block).replace('t', 'j')}`))
    }
    const outDir = join(this.#programs, 'out')
    const program = ts.createProgram([...sources.keys()], { ...options, outDir })
    const { diagnostics } = program.emit()
    for (const diagnostic of [...ts.getPreEmitDiagnostics(program), ...diagnostics]) {
      const block = sources.get(diagnostic.file?.fileName ?? '')
      const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')
      if (block === undefined || diagnostic.file === undefined) throw new Error(text)
      const { line } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start ?? 0)
      const problems = this.problems.get(block) ?? []
      this.problems.set(block, [...problems, `${block.file}:${block.line + line}: ${text}`])
    }
  }

  /** Compiles and runs a block. Rejects unless it has the right types, ends by itself in time and ends well. */
  async run(block: Block, timeout = 20_000): Promise<Result> {
    const file = this.fileOf(block)
    const result = await this.execute(isJestTest(block) ? this.underJest(file) : [file], timeout)
    if (result.code === 0) return result
    const end = result.code === null ? `did not end within ${timeout} ms` : `ended with ${result.code}`
    throw new Error(`${block.file}:${block.line}: the program ${end}\n${result.stdout}${result.stderr}`)
  }

  /** The file of a compiled block, for those who run it in their own way. */
  fileOf(block: Block): string {
    const problems = this.problems.get(block)
    if (problems !== undefined) throw new Error(problems.join('\n'))
    return this.files.get(block) ?? ''
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Without a configuration of its own, as by the `jest` of a project of ES modules. */
  private underJest(file: string): string[] {
    const config = { rootDir: join(this.#programs, 'out'), testMatch: [file], transform: {}, cache: false }
    const cli = join(root, 'node_modules/jest/bin/jest.js')
    return ['--experimental-vm-modules', cli, '--config', JSON.stringify(config)]
  }

  private execute(args: readonly string[], timeout: number): Promise<Result> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, args, {
        cwd: this.#programs,
        env: { ...process.env, REDIS_URL: this.redis.url, ...this.env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const timer = setTimeout(() => child.kill('SIGKILL'), timeout)
      let [stdout, stderr] = ['', '']
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      child.once('error', reject)
      child.once('close', (code) => {
        clearTimeout(timer)
        resolve({ code, stdout, stderr })
      })
    })
  }

  /** Docs name the usual address, the tests have a server of their own. */
  private withOwnRedis(code: string): string {
    return code
      .replaceAll('redis://localhost:6379', this.redis.url)
      .replaceAll(/\bport: 6379\b/g, `port: ${this.redis.port}`)
  }
}

function isJestTest({ code }: Block): boolean {
  return /^import .* from '@jest\/globals'$/m.test(code)
}

function extensionOf({ language, code }: Block): string {
  if (language === 'ts') return '.mts'
  return /\brequire\(/.test(code) ? '.cjs' : '.mjs'
}
