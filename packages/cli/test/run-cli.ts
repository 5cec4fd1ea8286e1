import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { runNode } from '@server-events/testing'
import type { NodeProcess, NodeProcessOptions } from '@server-events/testing'

const main = join(__dirname, '../dist/main.js')

/** Starts it, as a shell would. */
export function startCli(
  args: readonly string[],
  options: Omit<NodeProcessOptions, 'args'> = {},
): Promise<NodeProcess> {
  return runNode(main, { ...options, args, env: { SERVER_EVENTS_URL: '', ...options.env } })
}

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Both. */
  readonly output: string
}

export async function runCli(args: readonly string[], options?: Omit<NodeProcessOptions, 'args'>): Promise<Ended> {
  const child = await startCli(args, options)
  const code = await child.exited
  const stdout = child.lines.join('\n')
  return { code, stdout, stderr: child.stderr, output: `${stdout}\n${child.stderr}` }
}

interface Shown {
  /** `null` after 30 s. */
  readonly code: number | null
  readonly shown: string
}

/** At a terminal of 80 columns, which `script` of util-linux is: types the answer when it is asked. */
export function runAtTerminal(args: readonly string[], env: NodeJS.ProcessEnv, answer = ''): Promise<Shown> {
  const command = ['stty cols 80;', process.execPath, main, ...args].join(' ')
  return runShown('script', ['-qec', command, '/dev/null'], env, answer)
}

/** As a script may run it: its input stays open and says nothing. */
export function runUnattended(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Shown> {
  return runShown(process.execPath, [main, ...args], env)
}

async function runShown(command: string, args: string[], env: NodeJS.ProcessEnv, answer?: string): Promise<Shown> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, timeout: 30_000 })
  let shown = ''
  const show = (chunk: Buffer): void => {
    const wasAsked = shown.includes('[y/N]')
    shown += chunk.toString()
    if (answer !== undefined && !wasAsked && shown.includes('[y/N]')) child.stdin.write(answer)
  }
  child.stdout.on('data', show)
  child.stderr.on('data', show)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, shown }
}

interface Finding {
  readonly check: string
  readonly status: 'ok' | 'warn' | 'bad'
  readonly found: string
  readonly fix?: string
  readonly docs?: string
}

export interface Diagnosis {
  readonly code: number
  readonly status: string
  readonly findings: readonly Finding[]
  /** `undefined` if there is none of that check. */
  of(check: string): Finding | undefined
  /** The checks that are not ok, with how bad they are. */
  readonly wrong: readonly string[]
  readonly output: string
}

/** Does not listen for peers of 1.x, which takes a second, unless it is told to. */
export async function runDoctor(
  url: string,
  args: readonly string[] = [],
  options?: Omit<NodeProcessOptions, 'args'>,
): Promise<Diagnosis> {
  const { code, stdout, output } = await runCli(['doctor', url, '--json', '--listen', '0', ...args], options)
  if (!stdout.startsWith('{')) throw new Error(`no diagnosis, exit ${code}:\n${output}`)
  const { status, findings } = JSON.parse(stdout) as { status: string; findings: Finding[] }
  return {
    code,
    status,
    findings,
    of: (check) => findings.find((finding) => finding.check === check),
    wrong: findings.filter((it) => it.status !== 'ok').map((it) => `${it.status} ${it.check}`),
    output,
  }
}

/** A way to a server of this machine that takes each answer so many ms longer. */
export async function startSlow(to: number, ms = 120): Promise<{ readonly port: number; close(): void }> {
  const slow = createServer((client) => {
    const server = connect(to, '127.0.0.1')
    server.on('data', (chunk) => setTimeout(() => client.write(chunk), ms))
    client.on('data', (chunk) => server.write(chunk))
    client.on('close', () => server.destroy())
    client.on('error', () => undefined)
  }).listen(0, '127.0.0.1')
  await once(slow, 'listening')
  return { port: (slow.address() as AddressInfo).port, close: () => slow.close() }
}
