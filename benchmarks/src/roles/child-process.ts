import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Task } from './child'

/** Starts a process of the benchmark, which begins its task at once. */
export function start(task: Task, execArgv: readonly string[] = [], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = fork(join(__dirname, 'child.js'), [], { execArgv: [...execArgv], env: { ...process.env, ...env } })
  child.send(task)
  return child
}

/** The next message of a child, which may have died instead. */
export function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => {
      reject(new Error(`a process of the measurement ended with ${String(code)}`))
    }
    child.once('exit', ended)
    child.once('message', (message) => {
      child.off('exit', ended)
      resolve(message as T)
    })
  })
}

/** Ends processes and resolves when they are gone; `tell` may ask them to end by themselves. */
export async function end(
  children: readonly ChildProcess[],
  tell: (child: ChildProcess) => void = (child) => child.disconnect(),
): Promise<void> {
  const connected = children.filter((child) => child.connected)
  const exits = connected.map((child) => once(child, 'exit'))
  for (const child of connected) tell(child)
  const kill = setTimeout(() => {
    for (const child of connected) child.kill('SIGKILL')
  }, 5000)
  await Promise.all(exits)
  clearTimeout(kill)
}
