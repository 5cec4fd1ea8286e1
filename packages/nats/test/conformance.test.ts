import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'
import { NatsTransport } from '@server-events/nats'
import { startNats, startProxy } from '@server-events/testing'
import type { FaultProxy, NatsServer } from '@server-events/testing'
import { encodeToken } from '../src/subjects'

let nats: NatsServer
let proxy: FaultProxy | undefined

/** Users of the server: one that may do anything, and one for each case, with what is denied it. */
const config = (denied: readonly string[] = []): string => `
  max_payload: 8MB
  authorization {
    users: [{
      user: right, password: right,
      permissions: { publish: { deny: ${JSON.stringify(denied)} }, subscribe: { deny: ${JSON.stringify(denied)} } }
    }]
  }`

beforeAll(async () => {
  nats = await startNats({ config: config() })
  proxy = await startProxy(nats)
}, 120_000)

afterAll(async () => {
  await proxy?.close()
  await nats.stop()
})

let hubs = 0

/** A prefix of its own on one server. */
function createHub(): ConformanceHub {
  const prefix = `hub${++hubs}`
  const connect = (pass: string): NatsTransport =>
    // The kit looks at a hub before the server runs.
    new NatsTransport(`127.0.0.1:${proxy?.port ?? 0}`, { prefix, user: 'right', pass })
  let denied = false
  return {
    connect: () => connect('right'),
    unauthorized: () => connect('wrong'),
    interrupt: () => proxy?.cut(),
    forbid: async ({ name, id }) => {
      denied = true
      const subject = `${prefix}.${encodeToken(name)}.${id === undefined ? '>' : encodeToken(id)}`
      await nats.reload(config([subject, `$KV.*.${subject}`]))
    },
    close: async () => {
      if (denied) await nats.reload(config())
    },
  }
}

transportConformance({ test, createHub })
