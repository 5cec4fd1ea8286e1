import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync } from 'node:fs'

/** PostgreSQL and pgbouncer refuse to run as root. */
function somebodyElse(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (kind: '-u' | '-g'): number => {
    try {
      return Number(execFileSync('id', [kind, 'postgres'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
    } catch {
      return 65_534
    }
  }
  return { uid: idOf('-u'), gid: idOf('-g') }
}

/** The command, run as somebody else than root. */
export function asUnprivileged(command: readonly [string, ...string[]]): [string, ...string[]] {
  const other = somebodyElse()
  if (!other) return [...command]
  return ['setpriv', `--reuid=${other.uid}`, `--regid=${other.gid}`, '--clear-groups', '--', ...command]
}

/** Makes it theirs who run such commands. */
export function give(directory: string, ...files: readonly string[]): void {
  const other = somebodyElse()
  chmodSync(directory, 0o700)
  if (other) for (const path of [directory, ...files]) chownSync(path, other.uid, other.gid)
}
