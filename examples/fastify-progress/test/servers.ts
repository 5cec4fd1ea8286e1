import { join } from 'node:path'
import { runNode, startRedis } from '@server-events/testing'
import type { NodeProcess } from '@server-events/testing'

const dist = join(__dirname, '../dist')

/** After which an API server takes a job for lost, in ms. */
export const patience = 1_500

export interface Servers {
  readonly url: string
  readonly worker: NodeProcess
  /** The API server that runs now. */
  readonly api: NodeProcess
  /** Stops the API server as a deployment does, and starts another on the same port. */
  replaceApi(): Promise<void>
  /** Freezes Redis, and lets it go on. */
  pause(): void
  resume(): void
  stop(): Promise<void>
}

/** A Redis, a worker and an API server that takes a job for lost after `patience` ms. */
export async function startServers(): Promise<Servers> {
  const redis = await startRedis()
  const started: NodeProcess[] = []
  const start = async (file: string, ready: string, port = 0): Promise<NodeProcess> => {
    const env = { REDIS_URL: redis.url, PORT: String(port), PATIENCE: String(patience) }
    const process = await runNode(join(dist, file), { env })
    started.push(process)
    await process.line(ready)
    return process
  }
  const worker = await start('worker.js', 'ready')
  let api = await start('api.js', 'listening')
  const url = /http:\S+/.exec(api.lines[0] ?? '')?.[0] ?? ''
  return {
    url,
    worker,
    get api() {
      return api
    },
    async replaceApi() {
      api.signal('SIGTERM')
      expect([await api.exited, api.stderr]).toEqual([0, ''])
      api = await start('api.js', 'listening', Number(new URL(url).port))
    },
    pause: () => redis.pause(),
    resume: () => redis.resume(),
    async stop() {
      await Promise.all(started.map((process) => process.kill()))
      await redis.stop()
    },
  }
}
