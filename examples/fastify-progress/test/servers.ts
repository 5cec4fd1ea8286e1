import { join } from 'node:path'
import { runNode, startRedis } from '@server-events/testing'
import type { NodeProcess } from '@server-events/testing'

const dist = join(__dirname, '../dist')

/** After which an API server takes a job for lost, in ms: longer than a busy machine may hold up a step. */
export const patience = 4_000

export interface Servers {
  readonly url: string
  readonly worker: NodeProcess
  /** The API server that runs now. */
  readonly api: NodeProcess
  /** One more API server, with a patience of its own; resolves with its URL. */
  startApi(patience: number): Promise<string>
  /** Stops the API server as a deployment does, and starts another on the same port. */
  replaceApi(): Promise<void>
  /** Freezes Redis, and lets it go on. */
  pause(): void
  resume(): void
  stop(): Promise<void>
}

const urlOf = (api: NodeProcess): string => /http:\S+/.exec(api.lines[0] ?? '')?.[0] ?? ''

/** A Redis, a worker and an API server that takes a job for lost after `patience` ms. */
export async function startServers(): Promise<Servers> {
  const redis = await startRedis()
  const started: NodeProcess[] = []
  const start = async (file: string, ready: string, port = 0, own = patience): Promise<NodeProcess> => {
    const env = { REDIS_URL: redis.url, PORT: String(port), PATIENCE: String(own) }
    const process = await runNode(join(dist, file), { env })
    started.push(process)
    await process.line(ready)
    return process
  }
  const worker = await start('worker.js', 'ready')
  let api = await start('api.js', 'listening')
  const url = urlOf(api)
  return {
    url,
    worker,
    get api() {
      return api
    },
    startApi: async (own) => urlOf(await start('api.js', 'listening', 0, own)),
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
