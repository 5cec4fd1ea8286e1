import { execFile } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { aptInstall } from '../apt'
import { eventually } from '../eventually'
import { findOnPath } from '../find-on-path'
import { freePort } from '../ports'
import { spawnLeashed } from '../processes/leashed'
import type { Leashed } from '../processes/leashed'

const run = promisify(execFile)

/** An MQTT broker of one's own on 127.0.0.1, with one user. It does not outlive the process that started it. */
export interface MqttServer {
  readonly port: number
  readonly user: string
  readonly password: string
  /** With the user and the password. */
  readonly url: string
  /** Nobody may publish to these filters, nor subscribe to them, from now on; replaces those of an earlier call. */
  deny(filters: readonly string[]): Promise<void>
  /** SIGSTOP: connections stay open, the kernel still accepts new ones, nothing is answered. */
  pause(): void
  /** SIGCONT. */
  resume(): void
  /** Ends it and removes its directory. Idempotent. */
  stop(): Promise<void>
}

const host = '127.0.0.1'
const user = 'somebody'
const password = 'right'

/** Starts a mosquitto, installing one if need be, and resolves when it takes connections. */
export async function startMosquitto(): Promise<MqttServer> {
  const binary = (await findOnPath('mosquitto', '/usr/sbin/mosquitto')) ?? (await aptInstall('mosquitto'))
  if (binary === undefined)
    throw new Error(
      'no MQTT broker: install mosquitto (Debian: apt-get install mosquitto, macOS: brew install mosquitto)',
    )
  const directory = await mkdtemp(join(tmpdir(), 'mosquitto-'))
  const server = new Mosquitto(binary, await freePort(), directory)
  try {
    await server.start()
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

class Mosquitto implements MqttServer {
  readonly user = user
  readonly password = password
  readonly url: string
  readonly #binary: string
  readonly #directory: string
  #process: Leashed | undefined
  #reloads = 0

  constructor(
    binary: string,
    readonly port: number,
    directory: string,
  ) {
    this.#binary = binary
    this.#directory = directory
    this.url = `mqtt://${user}:${password}@${host}:${port}`
  }

  async start(): Promise<void> {
    const file = (name: string): string => join(this.#directory, name)
    await writeFile(file('users'), `${user}:${password}\n`)
    await run('mosquitto_passwd', ['-U', file('users')])
    await this.#allowAllBut([])
    const lines = [
      `listener ${this.port} ${host}`,
      'allow_anonymous false',
      `password_file ${file('users')}`,
      `acl_file ${file('acl')}`,
      `log_dest file ${file('log')}`,
      // It runs as root in containers, and would else become a user who may not read these files.
      'user root',
      // Else it drops what a client has not acknowledged yet.
      'max_queued_messages 0',
      'max_inflight_messages 0',
    ]
    await writeFile(file('conf'), `${lines.join('\n')}\n`)
    const output = openSync(file('stderr'), 'w')
    const process = await spawnLeashed(this.#binary, ['-c', file('conf')], { output: [output, output] })
    closeSync(output)
    this.#process = process
    await eventually(async () => !process.running || (await answers(this.port)), { timeout: 20_000 })
    if (!process.running) throw new Error(`${this.#binary} did not start\n${await this.#log()}`)
  }

  async deny(filters: readonly string[]): Promise<void> {
    await this.#allowAllBut(filters)
    this.#process?.signal('SIGHUP')
    this.#reloads++
    await eventually(async () => (await this.#log()).split('Reloading config').length > this.#reloads)
  }

  pause(): void {
    this.#process?.signal('SIGSTOP')
  }

  resume(): void {
    this.#process?.signal('SIGCONT')
  }

  async stop(): Promise<void> {
    await this.#process?.kill()
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #allowAllBut(filters: readonly string[]): Promise<void> {
    const denied = filters.map((filter) => `topic deny ${filter}\n`)
    const acl = `user ${user}\n${denied.join('')}topic readwrite #\n`
    await writeFile(join(this.#directory, 'acl'), acl, { mode: 0o600 })
  }

  #log(): Promise<string> {
    return readFile(join(this.#directory, 'log'), 'utf8').catch(() => '')
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host }, () => {
      resolve(true)
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
  })
}
