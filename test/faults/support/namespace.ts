import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { aptInstall, findOnPath } from '@server-events/testing'

const run = promisify(execFile)

/** A network of the test's own, in which it may lose packets without anyone else noticing. */
export interface Namespace {
  readonly name: string
  remove(): Promise<void>
}

/** Makes one, or says why it cannot. */
export async function makeNamespace(): Promise<Namespace | string> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it needs root on Linux'
  for (const [executable, debianPackage] of [
    ['ip', 'iproute2'],
    ['iptables', 'iptables'],
  ] as const) {
    const path = (await findOnPath(executable)) ?? (await aptInstall(executable, debianPackage))
    if (path === undefined) return `${executable} is missing: apt-get install ${debianPackage}`
  }
  const name = `server-events-${process.pid}`
  try {
    await run('ip', ['netns', 'add', name])
  } catch (error) {
    return told('no network namespace can be made', error)
  }
  const remove = async (): Promise<void> => {
    await run('ip', ['netns', 'del', name])
  }
  try {
    const inside = (...command: string[]): Promise<unknown> => run('ip', ['netns', 'exec', name, ...command])
    await inside('ip', 'link', 'set', 'lo', 'up')
    await inside('iptables', ...lossRule('-A'))
    await inside('iptables', ...lossRule('-D'))
    return { name, remove }
  } catch (error) {
    await remove()
    return told('packets cannot be lost in it', error)
  }
}

/** To add or to remove: on loopback, what is said both ways comes in here. */
export function lossRule(action: '-A' | '-D'): string[] {
  return [action, 'INPUT', ...'-i lo -m statistic --mode random --probability 0.2 -j DROP'.split(' ')]
}

function told(what: string, error: unknown): string {
  return `${what}: ${(error as Error).message.trim()}`
}
