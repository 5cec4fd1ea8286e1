import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { aptInstall } from '../apt'
import { eventually } from '../eventually'
import { findOnPath } from '../find-on-path'
import { freePort } from '../ports'
import { spawnLeashed } from '../processes/leashed'
import type { PostgresServer } from './server'
import { asUnprivileged, give } from './unprivileged'

/** A pgbouncer of one's own on 127.0.0.1. It does not outlive the process that started it. */
export interface Pgbouncer {
  readonly port: number
  /** Of the server's database, by way of the pool. */
  readonly url: string
  /** Ends it and removes its directory. */
  stop(): Promise<void>
}

/** Starts one before a server, installing it if need be, and resolves when it takes connections. */
export async function startPgbouncer(postgres: PostgresServer, mode: 'session' | 'transaction'): Promise<Pgbouncer> {
  const binary = (await findOnPath('pgbouncer', '/usr/sbin/pgbouncer')) ?? (await aptInstall('pgbouncer'))
  if (binary === undefined) throw new Error('no pgbouncer: install it (Debian: apt-get install pgbouncer)')
  const directory = await mkdtemp(join(tmpdir(), 'pgbouncer-'))
  const port = await freePort()
  const [file, users, log] = ['pgbouncer.ini', 'users', 'log'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  const { host, user, password } = postgres
  await writeFile(users, `"${user}" "${password}"\n`)
  await writeFile(
    file,
    `[databases]
postgres = host=${host} port=${postgres.port}
[pgbouncer]
listen_addr = ${host}
listen_port = ${port}
unix_socket_dir = ${directory}
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = ${mode}
`,
  )
  give(directory, file, users)
  const output = openSync(log, 'w')
  const [command, ...args] = asUnprivileged([binary, file])
  const process = await spawnLeashed(command, args, { cwd: directory, output: [output, output] }).finally(() =>
    closeSync(output),
  )
  const stop = async (): Promise<void> => {
    await process.kill()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await eventually(async () => !process.running || (await readFile(log, 'utf8')).includes('process up'), {
      timeout: 20_000,
    })
    if (!process.running) throw new Error(`it exited with ${await process.exited}`)
  } catch (error) {
    const said = await readFile(log, 'utf8')
    await stop()
    throw new Error(`pgbouncer did not start: ${(error as Error).message}\n${said}`)
  }
  return { port, url: `postgres://${user}:${password}@${host}:${port}/postgres`, stop }
}
