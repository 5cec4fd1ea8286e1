import { startRedis, type NodeProcess, type RedisServer } from '@server-events/testing'
import { password, payload } from './support/complaints'
import { run } from './support/run'

interface State {
  readonly env?: NodeJS.ProcessEnv
  /** Before the process starts. */
  readonly before?: (server: RedisServer) => unknown
  /** When it is connected. */
  readonly then?: (server: RedisServer) => unknown
  /** What emits may reject with; those that have no time left to do so reject with ClosedError. */
  readonly emits: string
}

const states: Readonly<Record<string, State>> = {
  'the server is down': {
    env: { INIT: 'awaited', DOWN: 'seen' },
    then: (server) => server.kill(),
    emits: 'ERR_CONNECTION',
  },
  'the server is frozen': { env: { INIT: 'awaited' }, then: (server) => server.pause(), emits: 'ERR_UNCERTAIN' },
  'it is connecting, to a server that answers nothing': {
    before: (server) => server.pause(),
    emits: 'ERR_CONNECTION',
  },
  'it is connecting, to a port where nobody listens': { before: (server) => server.kill(), emits: 'ERR_CONNECTION' },
}

// Together, because each takes the 5 s that emits are given.
test.concurrent.each(Object.entries(states))(
  'closing while %s, with waits and queued emits: all settles, the process exits',
  async (_, { env, before, then, emits }) => {
    const server = await startRedis({ args: ['--requirepass', password] })
    let child: NodeProcess | undefined
    try {
      await before?.(server)
      child = await run('closing.cjs', {
        REDIS_PORT: String(server.port),
        PASSWORD: password,
        PAYLOAD: payload,
        ...env,
      })
      await child.line('READY', 20_000)
      await then?.(server)
      child.signal('SIGUSR2')
      const line = await child.line('CLOSED', 30_000)
      const { counts, leaks } = JSON.parse(line.replace('CLOSED ', '')) as {
        counts: Record<string, number>
        leaks: boolean
      }
      expect(leaks).toBe(false)
      const {
        'wait ERR_CLOSED': waits,
        'emit ERR_CLOSED': closed = 0,
        [`emit ${emits}`]: rejected = 0,
        ...more
      } = counts
      expect({ waits, emits: closed + rejected, ...more }).toEqual({ waits: 500, emits: 500 })
      expect(await child.exited).toBe(0)
      expect(child.stderr).toBe('')
    } finally {
      await child?.kill()
      await server.stop()
    }
  },
)
