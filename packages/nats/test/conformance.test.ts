import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'
import { NatsTransport } from '@server-events/nats'
import { startNats, startProxy } from '@server-events/testing'
import type { FaultProxy, NatsServer } from '@server-events/testing'
import { encodeToken } from '../src/wire/subjects'

const [right, wrong] = ['hunter-right', 'hunter-wrong']

let nats: NatsServer
let proxy: FaultProxy | undefined

/** Users of the server: one that may do anything, and one for each case, with what is denied it. */
const config = (denied: readonly string[] = []): string => `
  max_payload: 8MB
  authorization {
    users: [{
      user: right, password: ${right},
      permissions: { publish: { deny: ${JSON.stringify(denied)} }, subscribe: { deny: ${JSON.stringify(denied)} } }
    }]
  }`

beforeAll(async () => {
  nats = await startNats({ config: config() })
  proxy = await startProxy(nats)
})

afterAll(async () => {
  await proxy?.close()
  await nats.stop()
})

let hubs = 0

/** In ms; well below what the kit waits for, and above what a busy machine may take. */
const impatient = { publishTimeout: 1_000, heartbeat: 700, subscribeTimeout: 1_500, timeout: 1_500 }

/** A prefix of its own on one server. */
function createHub(): ConformanceHub {
  const prefix = `hub${++hubs}`
  const connect = (pass: string): NatsTransport =>
    // The kit looks at a hub before the server runs.
    new NatsTransport(`127.0.0.1:${proxy?.port ?? 0}`, { ...impatient, prefix, user: 'right', pass })
  let denied = false
  return {
    connect: () => connect(right),
    unauthorized: () => connect(wrong),
    secrets: [right, wrong],
    interrupt: () => proxy?.cut(),
    freeze: () => nats.pause(),
    thaw: () => nats.resume(),
    stop: () => {
      proxy?.refuse()
      proxy?.cut()
    },
    start: () => proxy?.accept(),
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

transportConformance({ test, createHub, timeout: 30_000 })
