/* Another build of this repository, whose packages the processes of one side load instead of those that are here. */
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(__dirname, '../../..')

/** Preloaded into the processes that measure it. */
export const loader = join(root, 'benchmarks/other-build.cjs')

/** A commit, checked out and compiled beside the repository, with the dependencies that are installed here. */
export class Build {
  readonly folder = mkdtempSync(join(tmpdir(), 'bench-against-'))
  /** As people read it. */
  readonly title: string

  /** Throws if there is no such commit, or if it does not compile. */
  constructor(ref: string) {
    const commit = git('rev-parse', '--short', '--verify', `${ref}^{commit}`)
    this.title = commit.startsWith(ref) ? commit : `${ref} (${commit})`
    git('worktree', 'add', '--quiet', '--detach', '--force', this.folder, commit)
    try {
      for (const folder of ['.', 'packages/cli', 'testing']) linkDependencies(folder, this.folder)
      const build = ['scripts/build.mjs', 'packages/core', 'packages/redis']
      execFileSync(process.execPath, build, { cwd: this.folder, stdio: ['ignore', 'ignore', 'inherit'] })
    } catch (error) {
      this.remove()
      throw error
    }
  }

  remove(): void {
    git('worktree', 'remove', '--force', this.folder)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
}

/** Links to workspaces stay relative, and so lead to those of the other build. */
function linkDependencies(folder: string, other: string): void {
  const from = join(root, folder, 'node_modules')
  if (!existsSync(from) || !existsSync(join(other, folder))) return
  link(from, join(other, folder, 'node_modules'))
}

function link(from: string, to: string): void {
  mkdirSync(to)
  for (const name of readdirSync(from)) {
    const present = join(from, name)
    if (name === '@server-events') link(present, join(to, name))
    else symlinkSync(lstatSync(present).isSymbolicLink() ? readlinkSync(present) : present, join(to, name))
  }
}
