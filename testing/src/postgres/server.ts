import { execFile, execFileSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { eventually } from '../eventually'
import { freePort } from '../ports'
import { spawnLeashed } from '../processes/leashed'
import type { Leashed } from '../processes/leashed'
import { postgresBinaries, withMajor } from './binaries'
import { asUnprivileged, give } from './unprivileged'

const run = promisify(execFile)

export interface PostgresServerOptions {
  /** Settings of the server, `{ max_connections: '20' }`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Where its programs are, of those that `postgresFolders` finds; of the newest version by default. */
  readonly folder?: string
}

/** A PostgreSQL of one's own on 127.0.0.1, with one superuser. It does not outlive the process that started it. */
export interface PostgresServer {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** Of the database `postgres`, with the user and the password. */
  readonly url: string
  /** Such as 15. */
  readonly major: number
  /** Its data, its log, its socket. Removed by `stop`. */
  readonly directory: string
  /** Ends it and removes its directory. Idempotent. */
  stop(): Promise<void>
  /** SIGKILL for all its processes, as when the machine fails; resolves when they are gone. `restart` brings it back. */
  kill(): Promise<void>
  /** Kills it if it runs, and starts it again with the same port and data. */
  restart(): Promise<void>
  /** SIGSTOP for all its processes: connections stay open, the kernel still accepts new ones, nothing is answered. */
  pause(): void
  /** SIGCONT. */
  resume(): void
}

const host = '127.0.0.1'
const user = 'owner'
const password = 'owner-secret'

/** Starts a server, installing one if need be, and resolves when it answers. As root it runs as somebody else. */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const { settings = {} } = options
  const { folder, major } = options.folder === undefined ? await postgresBinaries() : withMajor(options.folder)
  const directory = await mkdtemp(join(tmpdir(), 'postgres-'))
  try {
    await initialize(folder, directory)
    for (let attempt = 1; ; attempt++) {
      const postgres = new OwnPostgres(folder, major, await freePort(), directory, settings)
      try {
        await postgres.restart()
        return postgres
      } catch (error) {
        if (!/address already in use/i.test((error as Error).message) || attempt === 5) throw error
      }
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

async function initialize(folder: string, directory: string): Promise<void> {
  const file = join(directory, 'password')
  await writeFile(file, password)
  give(directory, file)
  const args = ['-D', join(directory, 'data'), '-U', user, '-A', 'scram-sha-256', '--pwfile', file]
  const [command, ...rest] = asUnprivileged([join(folder, 'initdb'), ...args, '-E', 'UTF8', '--locale=C', '--no-sync'])
  await run(command, rest, { cwd: directory })
}

class OwnPostgres implements PostgresServer {
  readonly host = host
  readonly user = user
  readonly password = password
  readonly url: string
  readonly #folder: string
  readonly #settings: Readonly<Record<string, string>>
  readonly #log: string
  #process: Leashed | undefined

  constructor(
    folder: string,
    readonly major: number,
    readonly port: number,
    readonly directory: string,
    settings: Readonly<Record<string, string>>,
  ) {
    this.#folder = folder
    this.#settings = settings
    this.#log = join(directory, 'log')
    this.url = `postgres://${user}:${password}@${host}:${port}/postgres`
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.directory, { recursive: true, force: true })
  }

  async kill(): Promise<void> {
    const process = this.#process
    if (!process?.running) return
    // First so that it neither forks another one nor clears up.
    process.signal('SIGSTOP')
    const children = this.#children()
    for (const pid of children) signal(pid, 'SIGKILL')
    await process.kill()
    await eventually(() => children.every((pid) => !signal(pid, 0)))
  }

  async restart(): Promise<void> {
    await this.kill()
    await this.#launch()
  }

  pause(): void {
    this.#process?.signal('SIGSTOP')
    for (const pid of this.#children()) signal(pid, 'SIGSTOP')
  }

  resume(): void {
    for (const pid of this.#children()) signal(pid, 'SIGCONT')
    this.#process?.signal('SIGCONT')
  }

  /** Each has a process group of its own. */
  #children(): number[] {
    if (!this.#process?.running) return []
    try {
      const pids = execFileSync('pgrep', ['-P', String(this.#process.pid)], { encoding: 'utf8' })
      return pids.split('\n').filter(Boolean).map(Number)
    } catch {
      return [] // It has none.
    }
  }

  async #launch(): Promise<void> {
    await rm(this.#log, { force: true })
    const settings = {
      listen_addresses: host,
      port: String(this.port),
      unix_socket_directories: this.directory,
      // What a test kills is a process, never the machine: what the kernel was given is there afterwards.
      fsync: 'off',
      shared_buffers: '16MB',
      ...this.#settings,
    }
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const [command, ...args] = asUnprivileged([
      join(this.#folder, 'postgres'),
      '-D',
      join(this.directory, 'data'),
      ...flags,
    ])
    const output = openSync(this.#log, 'w')
    let process: Leashed
    try {
      process = await spawnLeashed(command, args, { cwd: this.directory, output: [output, output] })
    } finally {
      closeSync(output)
    }
    this.#process = process
    try {
      const isUp = async (): Promise<boolean> => (await this.#said()).includes('ready to accept connections')
      await eventually(async () => !process.running || (await isUp()), { timeout: 60_000 })
      if (!process.running) throw new Error(`it exited with ${await process.exited}`)
    } catch (error) {
      await this.kill()
      throw new Error(`PostgreSQL did not start: ${(error as Error).message}\n${(await this.#said()).slice(-2_000)}`)
    }
  }

  #said(): Promise<string> {
    return readFile(this.#log, 'utf8').catch(() => '')
  }
}

/** False if there is no such process. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}
