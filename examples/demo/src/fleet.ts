import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { FromChild } from './child'
import { startRole } from './roles'
import type { Role, Started } from './roles'

/** The worker and the two API servers. */
export interface Fleet {
  readonly apiPorts: readonly number[]
  /** One line a server, for people. */
  readonly lines: readonly string[]
  /** Lets the API servers answer what they have, then stops the worker. */
  stop(): Promise<void>
}

/** How long a server may take to stop before it is killed, in ms. */
const grace = 10_000

/** A process for each server; without Redis all of them in this one. Rejects if one cannot start, and stops the others. */
export async function startFleet(redisUrl: string | undefined, onCrash: (role: Role) => void): Promise<Fleet> {
  const servers: (Started & { role: Role; pid: number })[] = []
  const stop = async (): Promise<void> => {
    // In reverse: who waits stops before who answers.
    for (const server of servers.splice(0).reverse()) await server.stop()
  }
  try {
    // The worker first: a job that nobody hears is not done.
    for (const role of ['worker', 'A', 'B'] as const) {
      const started = await (redisUrl === undefined ? startHere(role) : startProcess(role, redisUrl, onCrash))
      servers.push({ ...started, role })
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    apiPorts: servers.flatMap(({ port }) => port ?? []),
    lines: servers.map(({ role, pid, port }) =>
      port === undefined ? `worker        process ${pid}` : `API server ${role}  process ${pid}, port ${port}`,
    ),
    stop,
  }
}

async function startHere(role: Role): Promise<Started & { pid: number }> {
  return { ...(await startRole(role, undefined)), pid: process.pid }
}

async function startProcess(
  role: Role,
  redisUrl: string,
  onCrash: (role: Role) => void,
): Promise<Started & { pid: number }> {
  const child = fork(join(__dirname, 'child.js'), [role], { env: { ...process.env, REDIS_URL: redisUrl } })
  const message = await firstMessage(child)
  if ('failed' in message) throw new Error(`${role === 'worker' ? role : `API server ${role}`}: ${message.failed}`)
  const crashed = (): void => onCrash(role)
  child.once('exit', crashed)
  return {
    pid: child.pid as number,
    ...(message.port === undefined ? {} : { port: message.port }),
    async stop() {
      child.off('exit', crashed)
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), grace)
      await exited
      clearTimeout(late)
    },
  }
}

async function firstMessage(child: ChildProcess): Promise<FromChild> {
  const message = once(child, 'message').then(([content]) => content as FromChild)
  const exit = once(child, 'exit').then(([code]): FromChild => ({ failed: `exited with ${String(code)}` }))
  return Promise.race([message, exit])
}
