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
  /** Kills the worker, as `kill -9` does, and resolves when another one has taken its place. Undefined in one process. */
  readonly replaceWorker: (() => Promise<void>) | undefined
  /** Lets the API servers answer what they have, then stops the worker. */
  stop(): Promise<void>
}

/** How long a server may take to stop before it is killed, in ms. */
const grace = 10_000

/** A process for each server; without Redis all of them in this one. Rejects if one cannot start, and stops the others. */
export async function startFleet(redisUrl: string | undefined, onCrash: (role: Role) => void): Promise<Fleet> {
  const servers: (Running & { role: Role })[] = []
  const stop = async (): Promise<void> => {
    // In reverse: who waits stops before who answers.
    for (const server of servers.splice(0).reverse()) await server.stop()
  }
  const replaceWorker = async (url: string): Promise<void> => {
    const place = servers.findIndex(({ role }) => role === 'worker')
    await servers[place]?.kill?.()
    const started = await startProcess('worker', url, onCrash)
    // The whole may have been stopped meanwhile.
    if (servers.length === 0) await started.stop()
    else servers[place] = { ...started, role: 'worker' }
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
    replaceWorker: redisUrl === undefined ? undefined : atOnce(() => replaceWorker(redisUrl)),
    stop,
  }
}

interface Running extends Started {
  readonly pid: number
  kill?(): Promise<void>
}

/** Of calls while one is under way there is one. */
function atOnce(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => (running ??= run().finally(() => (running = undefined)))
}

async function startHere(role: Role): Promise<Running> {
  return { ...(await startRole(role, undefined)), pid: process.pid }
}

async function startProcess(role: Role, redisUrl: string, onCrash: (role: Role) => void): Promise<Running> {
  const child = fork(join(__dirname, 'child.js'), [role], { env: { ...process.env, REDIS_URL: redisUrl } })
  const message = await firstMessage(child)
  if ('failed' in message) throw new Error(`${role === 'worker' ? role : `API server ${role}`}: ${message.failed}`)
  const crashed = (): void => onCrash(role)
  child.once('exit', crashed)
  return {
    pid: child.pid as number,
    ...(message.port === undefined ? {} : { port: message.port }),
    async kill() {
      child.off('exit', crashed)
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
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
