import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'
import { eventually, startMosquitto, startProxy, Recorder } from '@server-events/testing'
import type { FaultProxy, MqttServer } from '@server-events/testing'
import type { Transport } from 'server-events'
import { transportOf } from 'server-events/transport-kit'
import { MqttDriver } from './mqtt-driver'
import { event, rejection } from './support'

let broker: MqttServer
let proxy: FaultProxy | undefined

beforeAll(async () => {
  broker = await startMosquitto()
  proxy = await startProxy({ host: '127.0.0.1', port: broker.port })
}, 120_000)

afterAll(async () => {
  await proxy?.close()
  await broker.stop()
})

/** A prefix of its own for each on one broker. */
let hubs = 0

function connect(password: string, publishTimeout = 5_000): Transport {
  // The kit looks at a hub before the broker runs.
  const address = { host: '127.0.0.1', port: proxy?.port ?? 1 }
  return transportOf(new MqttDriver({ ...address, username: 'somebody', password }, `hub${hubs}`), { publishTimeout })
}

function createHub(): ConformanceHub {
  hubs++
  return {
    connect: () => connect('right'),
    unauthorized: () => connect('wrong'),
    interrupt: () => proxy?.cut(),
    // mosquitto's rules let anybody subscribe, so that it has no `forbid`.
    close: () => {},
  }
}

transportConformance({ test, createHub, timeout: 30_000 })

test('a frozen broker: an emit is uncertain in its time, the wait hears the next one after the thaw, one interruption', async () => {
  const key = { name: 'report', id: 'frozen' }
  const transport = connect('right', 1_000)
  const receiver = new Recorder()
  transport.attach(receiver)
  await transport.subscribe(key)
  await transport.connect()
  broker.pause()
  try {
    expect(await rejection(transport.publish(key, event('1')))).toMatchObject({ code: 'ERR_UNCERTAIN' })
    expect(receiver.downs('outputStore')).toBe(1)
  } finally {
    broker.resume()
  }
  await eventually(async () => {
    await transport.publish(key, event('2'))
    return receiver.bodies.includes('2')
  })
  expect(receiver.downs('outputStore')).toBe(1)
  await transport.close()
})

test('what the broker forbids to publish, and to store, is forbidden; and the others go on', async () => {
  hubs++
  const transport = connect('right')
  const receiver = new Recorder()
  transport.attach(receiver)
  await transport.subscribe({ name: 'open' })
  await broker.deny([`hub${hubs}/+/secret/#`])
  const key = { name: 'secret', id: '1' }
  expect(await rejection(transport.publish(key, event('1')))).toMatchObject({ code: 'ERR_FORBIDDEN' })
  expect(await rejection(transport.keeper!.publish(key, event('1'), 1_000))).toMatchObject({ code: 'ERR_FORBIDDEN' })
  await transport.publish({ name: 'open', id: '1' }, event('heard'))
  await eventually(() => receiver.bodies.length > 0)
  await transport.close()
})

test('the docs show this very driver', () => {
  const docs = readFileSync(join(__dirname, '../../../../docs/writing-a-transport.md'), 'utf8')
  expect(docs).toContain(readFileSync(join(__dirname, 'mqtt-driver.ts'), 'utf8').trim())
})
