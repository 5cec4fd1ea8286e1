import { startPostgres } from '../postgres/server'
import { startRedis } from '../redis/server'
import { runNode } from './node-process'
import type { NodeProcess } from './node-process'

/** One process of an example. */
export interface Part {
  readonly name: string
  /** A JavaScript file. It stops by itself on SIGTERM. */
  readonly file: string
  /** What it says on stdout once it can be used. */
  readonly ready: string | RegExp
  readonly env?: NodeJS.ProcessEnv
}

/** The environment variable that says which server the parts are to use, and how one of their own is started without it. */
const servers = { REDIS_URL: startRedis, POSTGRES_URL: startPostgres } as const

export interface TogetherOptions {
  /** What they need; a Redis by default. */
  readonly server?: keyof typeof servers
  /** Called with its URL before they start. */
  readonly prepare?: (url: string) => Promise<void>
}

export interface Together {
  /** The processes, in the order of the parts. */
  readonly processes: readonly NodeProcess[]
  /** Stops them in reverse order, each once the one before is gone, and then their server. Idempotent. */
  stop(): Promise<void>
}

/** How long a process may take to stop before it is killed, in ms. */
const grace = 15_000

/**
 * Runs the processes of an example, each once the one before is ready, on the server of REDIS_URL or on one of their
 * own, which they get as REDIS_URL; so with POSTGRES_URL. Shows what they say. Ctrl-C and SIGTERM stop them in reverse order and end us; so
 * does a process that ends unasked. Nothing outlives us.
 */
export async function runTogether(
  parts: readonly Part[],
  say: (line: string) => void,
  { server = 'REDIS_URL', prepare }: TogetherOptions = {},
): Promise<Together> {
  const given = process.env[server]
  const own = given ? undefined : await servers[server]()
  const url = own?.url ?? given ?? ''
  const running: NodeProcess[] = []
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      for (const part of [...running].reverse()) await end(part)
      await own?.stop()
    })()
    return stopping
  }
  const stopAndExit = (code: number): void => {
    void stop().finally(() => process.exit(code))
  }
  process.once('SIGINT', () => stopAndExit(130))
  process.once('SIGTERM', () => stopAndExit(143))

  try {
    await prepare?.(url)
    for (const { name, file, ready, env } of parts) {
      if (stopping !== undefined) break
      const echo = (line: string): void => say(`${name.padEnd(9)} ${line}`)
      const part = await runNode(file, { env: { ...env, [server]: url }, echo })
      running.push(part)
      await part.line(ready, 20_000)
      void part.exited.then((code) => {
        if (stopping !== undefined) return
        say(`${name} ended unasked, with ${code}: stopping`)
        stopAndExit(1)
      })
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { processes: running, stop }
}

async function end(part: NodeProcess): Promise<void> {
  part.signal('SIGTERM')
  const late = setTimeout(() => void part.kill(), grace)
  await part.exited
  clearTimeout(late)
}
