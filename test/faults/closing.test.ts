import { startRedis, type RedisServer } from '@server-events/testing'
import { password, payload } from './support/complaints'
import { run } from './support/run'

let server: RedisServer
beforeEach(async () => {
  server = await startRedis({ args: ['--requirepass', password] })
})
afterEach(() => server.stop())

interface State {
  readonly env: NodeJS.ProcessEnv
  /** Before the process starts. */
  readonly before?: () => unknown
  /** When it is connected. */
  readonly then?: () => unknown
}

const states: readonly (readonly [string, State, emits: string])[] = [
  ['the server is down', { env: { INIT: 'awaited', DOWN: 'seen' }, then: () => server.kill() }, 'ERR_CONNECTION'],
  ['the server is frozen', { env: { INIT: 'awaited' }, then: () => server.pause() }, 'ERR_UNCERTAIN'],
  ['it is connecting, to a server that answers nothing', { env: {}, before: () => server.pause() }, 'ERR_CONNECTION'],
  ['it is connecting, to a port where nobody listens', { env: {}, before: () => server.kill() }, 'ERR_CONNECTION'],
]

// The unsettled emits get 5 s, as long as each has anyway: so they may end by either.
test.each(states)(
  'closing while %s, with waits and queued emits: all settles, the process exits',
  async (_, state, emits) => {
    await state.before?.()
    const child = await run('closing.cjs', {
      REDIS_PORT: String(server.port),
      PASSWORD: password,
      PAYLOAD: payload,
      ...state.env,
    })
    try {
      await child.line('READY', 20_000)
      await state.then?.()
      child.signal('SIGUSR2')
      const line = await child.line('CLOSED', 30_000)
      const { counts, leaks } = JSON.parse(line.replace('CLOSED ', '')) as {
        counts: Record<string, number>
        leaks: boolean
      }
      expect(leaks).toBe(false)
      expect(counts['wait ERR_CLOSED']).toBe(500)
      expect((counts[`emit ${emits}`] ?? 0) + (counts['emit ERR_CLOSED'] ?? 0)).toBe(500)
      expect(await child.exited).toBe(0)
      expect(child.stderr).toBe('')
    } finally {
      await child.kill()
    }
  },
  60_000,
)
