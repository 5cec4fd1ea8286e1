import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { startNats } from '../src'
import type { NatsServer, NatsServerOptions } from '../src'

const servers: NatsServer[] = []

async function start(options?: NatsServerOptions): Promise<NatsServer> {
  const nats = await startNats(options)
  servers.push(nats)
  return nats
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((nats) => nats.stop()))
})

/** What it greets with. */
function info(port: number): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', reject)
    socket.once('data', (greeting) => {
      resolve(JSON.parse(greeting.toString().replace('INFO ', '')) as Record<string, unknown>)
      socket.destroy()
    })
  })
}

test('starts servers of their own, never on the usual port, and leaves nothing behind', async () => {
  const [one, two] = await Promise.all([start(), start({ jetStream: false, config: 'max_payload: 1234' })])
  expect(new Set([one.port, two.port, 4222]).size).toBe(3)
  expect(await info(one.port)).toMatchObject({ jetstream: true })
  expect(await info(two.port)).toMatchObject({ max_payload: 1234 })
  expect(await info(two.port)).not.toMatchObject({ jetstream: true })
  await one.stop()
  await one.stop()
  await expect(info(one.port)).rejects.toThrow('ECONNREFUSED')
  expect(existsSync(one.directory)).toBe(false)
})

test('a restart keeps the port, and takes other options; a reload keeps the process', async () => {
  const nats = await start()
  const { pid } = nats
  await nats.kill()
  await expect(info(nats.port)).rejects.toThrow('ECONNREFUSED')
  await nats.restart({ config: 'max_payload: 1234' })
  expect(nats.pid).not.toBe(pid)
  expect(await info(nats.port)).toMatchObject({ max_payload: 1234, jetstream: true })
  const running = nats.pid
  await nats.reload('max_payload: 4321')
  expect(nats.pid).toBe(running)
  expect(await info(nats.port)).toMatchObject({ max_payload: 4321 })
})

test('what is wrong with its configuration is told', async () => {
  await expect(start({ config: 'no_such_option: 1' })).rejects.toThrow(/no_such_option/)
})
