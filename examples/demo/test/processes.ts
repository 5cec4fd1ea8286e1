import { execFileSync } from 'node:child_process'
import type { NodeProcess } from '@server-events/testing'

/** The servers that the demo says it started. */
export function pidsOf(demo: NodeProcess): number[] {
  return demo.lines.flatMap((line) => / process (\d+)/.exec(line)?.[1] ?? []).map(Number)
}

export function isRunning(pid: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)])
      .toString()
      .startsWith('Z')
  } catch {
    return false
  }
}
