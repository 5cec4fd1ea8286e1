import { readdirSync, readFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

/**
 * The leash is this shell's stdin, a pipe that we hold: whatever ends us, SIGKILL included, closes
 * it, and the shell then kills the child, with SIGKILL because that also ends a stopped process.
 * The shell tells the child's pid on fd 3 and exits with the child's status.
 */
const leash = `
exec 4<&0
"$@" </dev/null 3>&- 4<&- &
child=$!
echo $child >&3
exec 3>&- 2>/dev/null
{ while read -r _; do :; done <&4; kill -KILL $child; } >/dev/null &
leash=$!
wait $child
status=$?
kill -KILL $leash
exit $status
`

export interface LeashedOptions {
  readonly env?: NodeJS.ProcessEnv | undefined
  readonly cwd?: string | undefined
  /** stdout and stderr. */
  readonly output: readonly ['pipe', 'pipe'] | readonly [number, number]
}

/** A process that does not outlive us, however we end, and does not keep us alive either. */
export interface Leashed {
  readonly pid: number
  /** The shell that holds the leash; its stdout and stderr are the child's. */
  readonly shell: ChildProcess
  /** The exit code or, after a signal, 128 and its number, as shells tell it. */
  readonly exited: Promise<number>
  readonly running: boolean
  /** After SIGSTOP it has stopped when this returns. */
  signal(signal: NodeJS.Signals): void
  /** SIGKILL, and wait until it is gone. */
  kill(): Promise<void>
}

export async function spawnLeashed(
  command: string,
  args: readonly string[],
  { env, cwd, output: [stdout, stderr] }: LeashedOptions,
): Promise<Leashed> {
  const stdio: StdioOptions = ['pipe', stdout, stderr, 'pipe']
  // In a process group of its own, so that Ctrl-C on the terminal leaves it to us when it ends.
  const shell = spawn('/bin/sh', ['-c', leash, 'sh', command, ...args], { env, cwd, stdio, detached: true })
  let running = true
  const exited = new Promise<number>((resolve) => {
    shell.once('exit', (code) => {
      running = false
      resolve(code ?? 128 + constants.signals.SIGKILL)
    })
  })
  const failed = once(shell, 'error').then(([error]) => Promise.reject(error as Error))
  // To its end, not until the exit: a child that dies at once has a pid all the same.
  const pid = Number(await Promise.race([text(shell.stdio[3] as Readable), failed]))
  shell.unref()
  ;(shell.stdin as Socket).unref()
  return {
    pid,
    shell,
    exited,
    get running() {
      return running
    },
    signal(signal) {
      if (!running) return
      process.kill(pid, signal)
      if (signal === 'SIGSTOP') untilStopped(pid)
    },
    async kill() {
      shell.ref()
      // The leash, not the pid: the shell still waits for the child, so it cannot hit a stranger.
      ;(shell.stdin as Socket).destroy()
      await exited
    },
  }
}

/** On another core a process may run on for a moment. Where there is no /proc, nobody knows. */
function untilStopped(pid: number): void {
  const tasks = `/proc/${pid}/task`
  const isStopped = (task: string): boolean => /\) [TtZX] /.test(readFileSync(`${tasks}/${task}/stat`, 'utf8'))
  const deadline = performance.now() + 1_000
  try {
    while (!readdirSync(tasks).every(isStopped) && performance.now() < deadline);
  } catch {
    // A task has ended meanwhile.
  }
}
