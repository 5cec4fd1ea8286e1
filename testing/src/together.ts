import { runNode } from './node-process'
import type { NodeProcess } from './node-process'
import { startRedis } from './redis-server'

/** One process of an example. */
export interface Part {
  readonly name: string
  /** A JavaScript file. It stops by itself on SIGTERM. */
  readonly file: string
  /** What it says on stdout once it can be used. */
  readonly ready: string | RegExp
  readonly env?: NodeJS.ProcessEnv
}

export interface Together {
  readonly redisUrl: string
  /** The processes, in the order of the parts. */
  readonly processes: readonly NodeProcess[]
  /** Stops them in reverse order, each once the one before is gone, and then the Redis. Idempotent. */
  stop(): Promise<void>
}

/** How long a process may take to stop before it is killed, in ms. */
const grace = 15_000

/**
 * Runs the processes of an example, each once the one before is ready, on the Redis of REDIS_URL or on one of their
 * own, which they get as REDIS_URL. Shows what they say. Ctrl-C and SIGTERM stop them in reverse order and end us; so
 * does a process that ends unasked. Nothing outlives us.
 */
export async function runTogether(parts: readonly Part[], say: (line: string) => void): Promise<Together> {
  const given = process.env['REDIS_URL']
  const redis = given ? undefined : await startRedis()
  const redisUrl = redis?.url ?? given ?? ''
  const running: NodeProcess[] = []
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      for (const part of [...running].reverse()) await end(part)
      await redis?.stop()
    })()
    return stopping
  }
  const stopAndExit = (code: number): void => {
    void stop().finally(() => process.exit(code))
  }
  process.once('SIGINT', () => stopAndExit(130))
  process.once('SIGTERM', () => stopAndExit(143))

  try {
    for (const { name, file, ready, env } of parts) {
      if (stopping !== undefined) break
      const echo = (line: string): void => say(`${name.padEnd(9)} ${line}`)
      const part = await runNode(file, { env: { ...env, REDIS_URL: redisUrl }, echo })
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
  return { redisUrl, processes: running, stop }
}

async function end(part: NodeProcess): Promise<void> {
  part.signal('SIGTERM')
  const late = setTimeout(() => void part.kill(), grace)
  await part.exited
  clearTimeout(late)
}
