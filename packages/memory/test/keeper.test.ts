import { execFileSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import type { Message } from 'server-events'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { ScriptedReceiver } from './scripted-receiver'

const key = { name: 'report', id: '7' }
const first: Message = { kind: 'event', body: 'first', kept: true }
const second: Message = { kind: 'failure', body: 'second', headers: { a: 'b' }, kept: true }

let receiver: ScriptedReceiver
let transport: MemoryTransport

beforeEach(() => {
  receiver = new ScriptedReceiver()
  transport = new MemoryTransport({ hub: new MemoryHub() })
  transport.attach(receiver)
})

afterEach(async () => {
  await transport.keeper.forget(key)
  await transport.close()
  jest.useRealTimers()
})

const { recall, publish, forget } = {
  recall: (...ids: string[]) => transport.keeper.recall(ids.map((id) => ({ name: 'report', id }))),
  publish: (message: Message, keepMs: number) => transport.keeper.publish(key, message, keepMs),
  forget: () => transport.keeper.forget(key),
}

test('a forget takes effect in the order of the calls', async () => {
  void publish(first, 1_000)
  void forget()
  const between = recall('7')
  void publish(second, 1_000)
  expect(await between).toEqual([undefined])
  expect(await recall('7')).toEqual([second])
})

describe('with every timer faked', () => {
  beforeEach(() => jest.useFakeTimers())

  test('delivery, states and answers come all the same', async () => {
    await transport.subscribe({ name: 'report' })
    await publish(first, 1_000)
    expect(receiver.log).toEqual(['outputStore up', 'inputStore up', 'deliver report 7'])
    expect(await recall('7')).toEqual([first])
  })

  test('a kept message expires after its time, not before', async () => {
    await publish(first, 1_000)
    jest.advanceTimersByTime(999)
    expect(await recall('7')).toEqual([first])
    jest.advanceTimersByTime(1)
    expect(await recall('7')).toEqual([undefined])
    expect(jest.getTimerCount()).toBe(0)
  })

  test('a later one starts its own time', async () => {
    await publish(first, 1_000)
    jest.advanceTimersByTime(600)
    await publish(second, 1_000)
    jest.advanceTimersByTime(999)
    expect(await recall('7')).toEqual([second])
    jest.advanceTimersByTime(1)
    expect(await recall('7')).toEqual([undefined])
  })

  test('more ms than a timer takes are kept all the same', async () => {
    await publish(first, 2 ** 32)
    jest.advanceTimersByTime(2 ** 32 - 1)
    expect(await recall('7')).toEqual([first])
    jest.advanceTimersByTime(1)
    expect(await recall('7')).toEqual([undefined])
  })

  test('nothing is left once it is forgotten', async () => {
    await publish(first, 2 ** 32)
    await forget()
    expect(jest.getTimerCount()).toBe(0)
  })
})

test('a timer from before the fakes does not touch a message that was kept since', async () => {
  await publish(first, 20)
  const later = delay(40)
  jest.useFakeTimers()
  await publish(second, 1_000)
  await later
  expect(await recall('7')).toEqual([second])
})

test('a kept message does not hold the process', () => {
  const script = `
    const { MemoryTransport } = require(${JSON.stringify(require.resolve('../dist/index.js'))})
    const transport = new MemoryTransport()
    transport.keeper.publish({ name: 'a', id: '1' }, { kind: 'event', body: '' }, 60_000)`
  execFileSync(process.execPath, ['-e', script], { timeout: 10_000 })
})
