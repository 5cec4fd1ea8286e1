import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../eventually'
import { freePort } from '../ports'
import { spawnLeashed } from '../processes/leashed'
import type { Leashed } from '../processes/leashed'
import { redisBinary } from './binary'

export interface RedisServerOptions {
  /** More arguments for the server, `['--requirepass', 'secret']`; they win over ours. */
  readonly args?: readonly string[]
  /** The port; a free one by default. */
  readonly port?: number
  /** Lines of a configuration file, which it may rewrite and finds again when it is restarted: a Sentinel demands one. */
  readonly config?: readonly string[]
}

/** A Redis (or Valkey) of one's own on 127.0.0.1. It does not outlive the process that started it. */
export interface RedisServer {
  readonly host: string
  readonly port: number
  /** Without a password, whatever `--requirepass` says. */
  readonly url: string
  /** Of the server that runs now, or that ran last. */
  readonly pid: number
  /** Its working directory: what it persists, its log, its socket. Removed by `stop`. */
  readonly directory: string
  /** Ends it and removes its directory. Idempotent. */
  stop(): Promise<void>
  /** SIGKILL, as a crash would; resolves when the process is gone. `restart` brings it back. */
  kill(): Promise<void>
  /** Kills it if it runs, and starts it again with the same port, directory and arguments. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay open, the kernel still accepts new ones, nothing is answered. */
  pause(): void
  /** SIGCONT. */
  resume(): void
}

const host = '127.0.0.1'

/** Starts a server, installing one if need be (see redis-binary), and resolves when it answers. */
export async function startRedis({ args = [], port, config }: RedisServerOptions = {}): Promise<RedisServer> {
  const binary = await redisBinary()
  const directory = await mkdtemp(join(tmpdir(), 'redis-'))
  const file = config && join(directory, 'redis.conf')
  try {
    if (file !== undefined) await writeFile(file, `${config?.join('\n')}\n`)
    for (let attempt = 1; ; attempt++) {
      const candidate = port ?? (await freePort())
      try {
        return await OwnRedis.start([binary, ...(file === undefined ? [] : [file])], args, candidate, directory)
      } catch (error) {
        const taken = /address already in use/i.test((error as Error).message)
        if (!taken || port !== undefined || attempt === 5) throw error
      }
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

class OwnRedis implements RedisServer {
  readonly host = host
  readonly port: number
  readonly url: string
  readonly directory: string
  readonly #command: readonly string[]
  readonly #args: readonly string[]
  #process!: Leashed

  static async start(
    command: readonly string[],
    args: readonly string[],
    port: number,
    directory: string,
  ): Promise<OwnRedis> {
    const redis = new OwnRedis(command, args, port, directory)
    await redis.#launch()
    return redis
  }

  private constructor(command: readonly string[], args: readonly string[], port: number, directory: string) {
    this.#command = command
    this.#args = args
    this.port = port
    this.directory = directory
    this.url = `redis://${host}:${port}`
  }

  get pid(): number {
    return this.#process.pid
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.directory, { recursive: true, force: true })
  }

  async kill(): Promise<void> {
    await this.#process.kill()
  }

  async restart(): Promise<void> {
    await this.kill()
    await this.#launch()
  }

  pause(): void {
    this.#process.signal('SIGSTOP')
  }

  resume(): void {
    this.#process.signal('SIGCONT')
  }

  async #launch(): Promise<void> {
    const log = join(this.directory, 'log')
    const socket = join(this.directory, 'socket')
    await rm(socket, { force: true })
    const [binary = '', ...file] = this.#command
    const output = openSync(log, 'w')
    try {
      this.#process = await spawnLeashed(
        binary,
        // prettier-ignore
        [
          ...file, '--port', String(this.port), '--bind', host, '--dir', this.directory, '--unixsocket', socket,
          '--save', '', '--appendonly', 'no', ...this.#args,
        ],
        { output: [output, output] },
      )
    } finally {
      closeSync(output)
    }
    const process = this.#process
    try {
      await eventually(async () => !process.running || (await answers(socket)), { timeout: 20_000 })
      if (!process.running) throw new Error(`it exited with ${await process.exited}`)
    } catch (error) {
      await this.kill()
      const said = (await readFile(log, 'utf8')).slice(-2_000)
      throw new Error(`${binary} did not start: ${(error as Error).message}\n${said}`)
    }
  }
}

/**
 * Over the socket in its own directory, which it opens after the port: on the port someone else
 * might answer. NOAUTH is an answer, LOADING is not yet one.
 */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => socket.write('PING\r\n'))
    socket.setTimeout(1_000, () => socket.destroy())
    socket.once('data', (reply) => {
      resolve(!reply.toString().startsWith('-LOADING'))
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}
