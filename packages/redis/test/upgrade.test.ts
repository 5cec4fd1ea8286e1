import Redis from 'ioredis'
import type { Receiver } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import type { RedisTransportOptions } from '@server-events/redis'
import { eventually, startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'
import { RecordingReceiver, event } from './support'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(async () => redis.stop())

/** What server-events 1.2.0 does on the wire: one SUBSCRIBE a wait, raw channels, JSON arrays. */
class Peer1x {
  private readonly publisher = new Redis(redis.url)
  private readonly subscriber = new Redis(redis.url)
  private readonly waits = new Map<string, (args: unknown[]) => void>()

  constructor() {
    this.subscriber.on('message', (channel: string, payload: string) => {
      const resolve = this.waits.get(channel)
      const [name, id, ...args] = JSON.parse(payload) as [string, string | number, ...unknown[]]
      if (!resolve || `${name}:${id}` !== channel) return
      this.waits.delete(channel)
      void this.subscriber.unsubscribe(channel)
      resolve(args)
    })
  }
  /** Resolves, once subscribed, with the promise of the args. */
  async on(name: string, id: string | number): Promise<{ args: Promise<unknown[]> }> {
    const channel = `${name}:${id}`
    const args = new Promise<unknown[]>((resolve) => this.waits.set(channel, resolve))
    await this.subscriber.subscribe(channel)
    return { args }
  }
  async emit(name: string, id: string | number, ...args: unknown[]): Promise<void> {
    await this.publisher.publish(`${name}:${id}`, JSON.stringify([name, id, ...args]))
  }
  close(): void {
    this.publisher.disconnect()
    this.subscriber.disconnect()
  }
}

const closers: (() => unknown)[] = []
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})
function peer1x(): Peer1x {
  const peer = new Peer1x()
  closers.push(() => peer.close())
  return peer
}
function make(wire: NonNullable<RedisTransportOptions['wire']>): {
  transport: RedisTransport
  receiver: RecordingReceiver
} {
  const transport = new RedisTransport(redis.url, { wire })
  const receiver = new RecordingReceiver()
  transport.attach(receiver)
  closers.push(() => transport.close())
  return { transport, receiver }
}

const names = ['pi event', 'a', 'a:b', 'a%', '%3A', 'a*', '[x]', ':', '🦕']
const ids = ['1', 'x:y', 'b:c', '%', '*', ':']

test.each(['1.x', 'both'] as const)('%s hears 1.2.0: all names and ids, each exactly once', async (wire) => {
  const old = peer1x()
  const { transport, receiver } = make(wire)
  await Promise.all(names.map((name) => transport.subscribe({ name })))
  for (const name of names) for (const id of ids) await old.emit(name, id, name, { id })
  await old.emit('pi event', 314, 'arg1', 1, { type: 'object' })
  await receiver.arrived('314')
  expect(receiver.delivered.map(({ key, message }) => [key.name, key.id, message.body])).toEqual([
    ...names.flatMap((name) => ids.map((id) => [name, id, JSON.stringify([name, { id }])])),
    ['pi event', '314', '["arg1",1,{"type":"object"}]'],
  ])
  expect(receiver.errors()).toEqual([])
})

test('1.2.0 hears 1.x: all names and ids', async () => {
  const old = peer1x()
  const { transport } = make('1.x')
  for (const name of names) {
    for (const id of ids) {
      const { args } = await old.on(name, id)
      await transport.publish({ name, id }, event(JSON.stringify([name, { id }])))
      expect(await args).toEqual([name, { id }])
    }
  }
  const { args } = await old.on('pi event', 314)
  await transport.publish({ name: 'pi event', id: '314' }, event('[]'))
  expect(await args).toEqual([])
})

test('wire 2 does not hear 1.x, nor 1.2.0 wire 2; failures stay in wire 2', async () => {
  const old = peer1x()
  const raw = new Redis(redis.url)
  const channels: string[] = []
  raw.on('pmessage', (_: string, channel: string) => channels.push(channel))
  await raw.psubscribe('*')
  const two = make('2')
  const oneX = make('1.x')
  await two.transport.subscribe({ name: 'n' })
  await old.emit('n', 'old', 1)
  await two.transport.publish({ name: 'n', id: 'new' }, event('[]'))
  await oneX.transport.publish({ name: 'n', id: 'failed' }, { kind: 'failure', body: '{}' })
  await two.receiver.arrived('failed')
  expect(two.receiver.ids).toEqual(['new', 'failed'])
  expect(two.receiver.errors()).toEqual([])
  await eventually(() => channels.length === 3)
  expect(channels).toEqual(['n:old', 'se:n:', 'se:n:'])
  raw.disconnect()
})

test('1.x garbage is reported by name, and delivers nothing', async () => {
  const raw = new Redis(redis.url)
  const { transport, receiver } = make('both')
  await transport.subscribe({ name: 'n' })
  const garbage = ['hello', '{"name":"n"}', '["n"]', '[null,1]', '["n","2"]', 'x'.repeat(5_000_000)]
  for (const payload of garbage) await raw.publish('n:1', payload)
  await transport.publish({ name: 'n', id: 'sentinel' }, event('[]'))
  await receiver.arrived('sentinel')
  expect(receiver.ids).toEqual(['sentinel'])
  expect(receiver.errors()).toHaveLength(garbage.length)
  for (const error of receiver.errors()) expect(error.message).toContain('"n"')
  raw.disconnect()
})

test('a fleet is upgraded process by process, in two steps, and no wait is lost on the way', async () => {
  interface Member {
    on(id: string): Promise<{ args: Promise<unknown> }>
    emit(id: string): Promise<unknown>
    close(): unknown
  }
  const oldMember = (): Member => {
    const peer = peer1x()
    return { on: (id) => peer.on('job', id), emit: (id) => peer.emit('job', id, id), close: () => peer.close() }
  }
  const newMember = (wire: '2' | '1.x' | 'both'): Member => {
    const transport = new RedisTransport(redis.url, { wire })
    const waits = new Map<string, (args: unknown) => void>()
    const receiver: Receiver = {
      wants: ({ id }) => waits.has(id),
      deliver: ({ id }, { body }) => waits.get(id)?.(JSON.parse(body as string)),
      state: () => undefined,
      lost: () => undefined,
      error(_, error) {
        throw error
      },
    }
    transport.attach(receiver)
    closers.push(() => transport.close())
    let subscribed: Promise<void> | undefined
    return {
      async on(id) {
        const args = new Promise((resolve) => waits.set(id, resolve))
        await (subscribed ??= transport.subscribe({ name: 'job' }))
        return { args }
      },
      emit: (id) => transport.publish({ name: 'job', id }, event(JSON.stringify([id]))),
      close: () => transport.close(),
    }
  }
  let count = 0
  /** Everyone waits, everyone answers everyone. */
  async function exchange(fleet: readonly Member[]): Promise<void> {
    for (const waiter of fleet)
      for (const emitter of fleet) {
        const id = `job-${count++}`
        const { args } = await waiter.on(id)
        await emitter.emit(id)
        expect(await args).toEqual([id])
      }
  }
  const fleet = [oldMember(), oldMember(), oldMember()]
  await exchange(fleet)
  for (const wire of ['1.x', 'both', '2'] as const) {
    for (let member = 0; member < fleet.length; member++) {
      // Waits that are pending while another process is replaced.
      const waiting = await Promise.all(fleet.map((one, i) => one.on(`pending-${wire}-${member}-${i}`)))
      const replaced = fleet[member]!
      fleet[member] = newMember(wire)
      for (let i = 0; i < fleet.length; i++) {
        const emitter = i === member ? replaced : fleet[member]!
        await emitter.emit(`pending-${wire}-${member}-${i}`)
        expect(await waiting[i]!.args).toEqual([`pending-${wire}-${member}-${i}`])
      }
      await replaced.close()
      await exchange(fleet)
    }
  }
})
