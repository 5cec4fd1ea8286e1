import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { aptInstall } from '../apt'
import { eventually } from '../eventually'
import { findOnPath } from '../find-on-path'
import { freePort } from '../ports'
import { spawnLeashed } from '../processes/leashed'
import type { Leashed } from '../processes/leashed'

export interface NatsServerOptions {
  /** More of its configuration file: users, limits. */
  readonly config?: string
  /** Whether it has JetStream, with a store of its own; true by default. */
  readonly jetStream?: boolean
}

/** A NATS server of one's own on 127.0.0.1. It does not outlive the process that started it. */
export interface NatsServer {
  readonly host: string
  readonly port: number
  readonly url: string
  /** Of the server that runs now, or that ran last. */
  readonly pid: number
  /** Its configuration, its log, what it stores. Removed by `stop`. */
  readonly directory: string
  /** Ends it and removes its directory. Idempotent. */
  stop(): Promise<void>
  /** SIGKILL, as a crash would; resolves when the process is gone. `restart` brings it back. */
  kill(): Promise<void>
  /** Kills it if it runs, and starts it again with the same port and store; with other options if there are any. */
  restart(options?: NatsServerOptions): Promise<void>
  /** Takes another configuration while it runs: connections stay, permissions change. Resolves when it holds. */
  reload(config: string): Promise<void>
  /** What it has logged since its last start. */
  log(): Promise<string>
  /** SIGSTOP: connections stay open, the kernel still accepts new ones, nothing is answered. */
  pause(): void
  /** SIGCONT. */
  resume(): void
}

const host = '127.0.0.1'

/** Starts a server, installing one if need be, and resolves when it answers. */
export async function startNats(options: NatsServerOptions = {}): Promise<NatsServer> {
  const binary = await natsBinary()
  const directory = await mkdtemp(join(tmpdir(), 'nats-'))
  try {
    for (let attempt = 1; ; attempt++) {
      const nats = new OwnNats(binary, await freePort(), directory, options)
      try {
        await nats.restart()
        return nats
      } catch (error) {
        if (!/address already in use/i.test((error as Error).message) || attempt === 5) throw error
      }
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

class OwnNats implements NatsServer {
  readonly host = host
  readonly url: string
  readonly #binary: string
  readonly #file: string
  readonly #log: string
  #options: NatsServerOptions
  #process: Leashed | undefined

  constructor(
    binary: string,
    readonly port: number,
    readonly directory: string,
    options: NatsServerOptions,
  ) {
    this.#binary = binary
    this.#options = options
    this.#file = join(directory, 'nats.conf')
    this.#log = join(directory, 'log')
    this.url = `nats://${host}:${port}`
  }

  get pid(): number {
    if (!this.#process) throw new Error('it was never started')
    return this.#process.pid
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.directory, { recursive: true, force: true })
  }

  async kill(): Promise<void> {
    await this.#process?.kill()
  }

  async restart(options = this.#options): Promise<void> {
    await this.kill()
    this.#options = options
    await this.#launch()
  }

  async reload(config: string): Promise<void> {
    const reloads = async (): Promise<number> => (await this.log()).split('Reloaded server configuration').length
    const before = await reloads()
    this.#options = { ...this.#options, config }
    await this.#configure()
    this.#process?.signal('SIGHUP')
    try {
      await eventually(async () => (await reloads()) > before)
    } catch {
      throw new Error(`${this.#binary} did not take its new configuration\n${await this.log()}`)
    }
  }

  pause(): void {
    this.#process?.signal('SIGSTOP')
  }

  resume(): void {
    this.#process?.signal('SIGCONT')
  }

  async #configure(): Promise<void> {
    const { jetStream = true, config = '' } = this.#options
    const lines = [`listen: "${host}:${this.port}"`, `log_file: "${this.#log}"`, 'debug: false', config]
    if (jetStream) lines.push(`jetstream { store_dir: "${join(this.directory, 'store')}" }`)
    await writeFile(this.#file, `${lines.join('\n')}\n`)
  }

  async #launch(): Promise<void> {
    await this.#configure()
    await rm(this.#log, { force: true })
    const errors = join(this.directory, 'stderr')
    const output = openSync(errors, 'w')
    let process: Leashed
    try {
      process = await spawnLeashed(this.#binary, ['-c', this.#file], { output: [output, output] })
    } finally {
      closeSync(output)
    }
    this.#process = process
    try {
      // What answers on the port may be somebody else's, so its own log has to say that it listens there.
      const isUp = async (): Promise<boolean> => (await this.log()).includes('Server is ready') && answers(this.port)
      await eventually(async () => !process.running || (await isUp()), { timeout: 20_000 })
      if (!process.running) throw new Error(`it exited with ${await process.exited}`)
    } catch (error) {
      await this.kill()
      const said = `${await this.log()}${await readFile(errors, 'utf8')}`.slice(-2_000)
      throw new Error(`${this.#binary} did not start: ${(error as Error).message}\n${said}`)
    }
  }

  log(): Promise<string> {
    return readFile(this.#log, 'utf8').catch(() => '')
  }
}

/** Every server greets with INFO. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host })
    socket.setTimeout(1_000, () => socket.destroy())
    socket.once('data', (greeting) => {
      resolve(greeting.toString().startsWith('INFO '))
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}

let found: Promise<string> | undefined

/** The path of a NATS server, installed if need be; rejects with what to install if none can be had. */
function natsBinary(): Promise<string> {
  found ??= find()
  return found
}

async function find(): Promise<string> {
  const given = process.env['NATS_SERVER']
  if (given) {
    // Who names a server wants that one: another would test something else and pass.
    const path = await findOnPath(given)
    if (path !== undefined) return path
    throw new Error(`NATS_SERVER is ${given}, which is not an executable file`)
  }
  const installed = (await findOnPath('nats-server')) ?? (await aptInstall('nats-server'))
  if (installed !== undefined) return installed
  throw new Error(
    'no NATS server: install nats-server (Debian: apt-get install nats-server, macOS: brew install nats-server), ' +
      'or set NATS_SERVER to the path of one',
  )
}
