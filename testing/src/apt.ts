import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findOnPath } from './find-on-path'

const run = promisify(execFile)

/** Other workers of one test run come here at the same moment, and apt has one lock: only the first may install. */
const script = 'command -v "$1" >/dev/null || { apt-get update && apt-get install -y --no-install-recommends "$2"; }'

/** Whether this is Debian or Ubuntu, and we are root. */
export function canAptInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version')
}

/**
 * Installs a Debian package for its executable and resolves with the executable's path, or with
 * `undefined` where that cannot be done: not root, not Debian or Ubuntu, no network. Says on stderr
 * that it installs, and why it could not.
 */
export async function aptInstall(executable: string, debianPackage = executable): Promise<string | undefined> {
  if (!canAptInstall()) return undefined
  process.stderr.write(`installing ${debianPackage} with apt-get: no ${executable} was found on PATH\n`)
  try {
    await run(
      'flock',
      [join(tmpdir(), 'server-events-apt.lock'), 'sh', '-c', script, 'sh', executable, debianPackage],
      {
        // With runlevel 1 the package does not start the service it ships: port 6379 is not ours.
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
        maxBuffer: 64 * 1024 * 1024,
      },
    )
  } catch (error) {
    process.stderr.write(`apt-get could not install ${debianPackage}: ${(error as Error).message}\n`)
  }
  return findOnPath(executable)
}
