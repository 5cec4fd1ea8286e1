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
