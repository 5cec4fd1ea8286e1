import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runNode } from '@server-events/testing'
import type { NodeProcess } from '@server-events/testing'
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript'

/** The built package, as `npm test` leaves it before it runs us. */
const built = join(__dirname, '../../dist/index.js')

const prelude = `
const { once } = require('node:events')
const serverEvents = require(${JSON.stringify(built)})
const { ServerEvents } = serverEvents
const { ScriptedTransport } = require('./scripted-transport.js')
const say = (...words) => console.log(...words)
const tick = () => new Promise((resolve) => setImmediate(resolve))
`

export interface Ran {
  readonly code: number
  readonly lines: readonly string[]
  readonly stderr: string
}

/**
 * Runs JavaScript in a process of its own, with the built package, the scripted transport, `say`
 * and `tick` at hand, until it exits by itself. One that does not is killed after `patience` ms,
 * and the promise rejects with what it said.
 */
export async function runChild(
  source: string,
  { execArgv = [], patience = 150_000 }: { execArgv?: readonly string[]; patience?: number } = {},
): Promise<Ran> {
  const directory = await mkdtemp(join(tmpdir(), 'server-events-'))
  let child: NodeProcess | undefined
  try {
    const transport = await readFile(join(__dirname, 'scripted-transport.ts'), 'utf8')
    const { outputText } = transpileModule(transport, {
      compilerOptions: { module: ModuleKind.CommonJS, target: ScriptTarget.ES2022 },
    })
    await writeFile(join(directory, 'scripted-transport.js'), outputText)
    const file = join(directory, 'main.js')
    await writeFile(file, prelude + source)
    child = await runNode(file, { execArgv })
    const code = await withinPatience(child, patience)
    return { code, lines: child.lines, stderr: child.stderr }
  } finally {
    await child?.kill()
    await rm(directory, { recursive: true, force: true })
  }
}

async function withinPatience(child: NodeProcess, patience: number): Promise<number> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`it still runs after ${patience} ms:\n${child.lines.join('\n')}\n${child.stderr}`))
    }, patience)
  })
  try {
    return await Promise.race([child.exited, late])
  } finally {
    clearTimeout(timer)
  }
}
