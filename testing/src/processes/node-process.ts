import { createInterface } from 'node:readline'
import { eventually } from '../eventually'
import { spawnLeashed } from './leashed'

export interface NodeProcessOptions {
  readonly args?: readonly string[]
  /** Beside our own environment. */
  readonly env?: NodeJS.ProcessEnv
  /** Flags for node itself. */
  readonly execArgv?: readonly string[]
  readonly cwd?: string
  /** The node to run; ours by default. */
  readonly node?: string
  /** Called with each line of stdout and stderr, for those who show them. */
  readonly echo?: (line: string) => void
}

/** A node process that does not outlive us, read line by line. */
export interface NodeProcess {
  readonly pid: number
  /** Every line of stdout so far. */
  readonly lines: readonly string[]
  /** All of stderr so far. */
  readonly stderr: string
  /** Resolves, once its output is read, with the exit code or, after a signal, 128 and its number. */
  readonly exited: Promise<number>
  /** The first line of stdout that matches, also if it came before; rejects, with all output, if none comes in `timeout` ms (30,000). */
  line(pattern: string | RegExp, timeout?: number): Promise<string>
  signal(signal: NodeJS.Signals): void
  /** SIGKILL, and wait until it is gone. Idempotent. */
  kill(): Promise<void>
}

/** Runs a JavaScript file. */
export async function runNode(
  file: string,
  { args = [], env = {}, execArgv = [], cwd, node = process.execPath, echo = () => undefined }: NodeProcessOptions = {},
): Promise<NodeProcess> {
  const child = await spawnLeashed(node, [...execArgv, file, ...args], {
    env: { ...process.env, ...env },
    cwd,
    output: ['pipe', 'pipe'],
  })
  const { stdout, stderr } = child.shell
  if (!stdout || !stderr) throw new Error('a child process without pipes')
  // What runs here is waited for, so it may hold the process until it ends.
  child.shell.ref()
  const lines: string[] = []
  const errors: string[] = []
  createInterface({ input: stdout }).on('line', (line) => {
    lines.push(line)
    echo(line)
  })
  createInterface({ input: stderr }).on('line', echo)
  stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text))
  const read = Promise.all([stdout, stderr].map((stream) => new Promise((resolve) => stream.once('close', resolve))))
  const exited = read.then(() => child.exited)
  let status: number | undefined
  void exited.then((code) => {
    status = code
  })

  const matching = (pattern: string | RegExp): string | undefined =>
    lines.find((line) => (typeof pattern === 'string' ? line.includes(pattern) : pattern.test(line)))

  return {
    pid: child.pid,
    lines,
    get stderr() {
      return errors.join('')
    },
    exited,
    async line(pattern, timeout = 30_000) {
      const search = () => matching(pattern) ?? (status === undefined ? false : undefined)
      const line = await eventually(search, { timeout }).catch(() => undefined)
      if (line !== undefined) return line
      const why = status === undefined ? `said nothing like it within ${timeout} ms` : `exited with ${status}`
      throw new Error(`no line ${String(pattern)}: ${file} ${why}\n${lines.join('\n')}\n${errors.join('')}`)
    },
    signal: (signal) => child.signal(signal),
    kill: () => child.kill(),
  }
}
