import { inspect } from 'node:util'
import Redis from 'ioredis'
import { AuthError, ForbiddenError } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import { eventually, startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'
import { attached, event, outcome } from './support'
import type { RecordingReceiver } from './support'

const SECRET = 'correct-horse'
let redis: RedisServer
let admin: Redis
beforeAll(async () => {
  redis = await startRedis({ args: ['--requirepass', SECRET] })
  admin = new Redis(redis.url, { password: SECRET })
})
afterAll(async () => {
  admin.disconnect()
  await redis.stop()
})
function make(options: object): { transport: RedisTransport; receiver: RecordingReceiver } {
  return attached(new RedisTransport({ host: redis.host, port: redis.port, ...options }))
}
const acl = (...rules: string[]): Promise<unknown> => admin.call('ACL', 'SETUSER', ...rules)
const shown = (value: unknown): string => inspect(value, { depth: 10, showHidden: true }) + JSON.stringify(value)

describe.each([
  ['a wrong password', { password: 'wrong-horse' }],
  ['a user that does not exist', { username: 'nobody', password: 'wrong-horse' }],
  ['no password', {}],
  ['no password and no ready check', { enableReadyCheck: false }],
  ['a wrong password and no ready check', { password: 'wrong-horse', enableReadyCheck: false }],
])('%s', (_, options) => {
  test('rejects what is pending with AuthError, at once and once; each use tries afresh', async () => {
    const { transport, receiver } = make(options)
    const look = async (round: number): Promise<void> => {
      for (const found of await transport.keeper.recall([{ name: `n${round}`, id: '1' }]))
        if (found instanceof Error) throw found
    }
    for (const round of [1, 2]) {
      const outcomes = await Promise.all(
        [
          look(round),
          transport.keeper.forget({ name: `n${round}`, id: '1' }),
          transport.connect(),
          transport.publish({ name: `n${round}`, id: '1' }, event('["payload"]')),
          transport.subscribe({ name: `n${round}` }),
          transport.subscribe({ name: `m${round}` }),
        ].map(outcome),
      )
      for (const error of outcomes) {
        expect(error).toBeInstanceOf(AuthError)
        expect((error as Error).message).toContain(`127.0.0.1:${redis.port}`)
        expect(shown(error)).not.toMatch(/horse|payload/)
      }
      expect(new Set(outcomes).size).toBe(outcomes.length)
    }
    expect(receiver.states('inputStore')).toEqual([])
    expect(receiver.states('outputStore')).toEqual([])
  })
})

test('credentials refused after they were accepted: an interruption, reported and repaired', async () => {
  await acl('rotating', 'reset', 'on', '>first', 'allchannels', '+@all')
  const { transport, receiver } = make({ username: 'rotating', password: 'first' })
  await transport.connect()
  await transport.subscribe({ name: 'n' })
  await acl('rotating', '<first', '>second')
  await admin.client('KILL', 'USER', 'rotating')
  const emitted = outcome(transport.publish({ name: 'n', id: '1' }, event('[]')))
  for (const store of ['inputStore', 'outputStore'] as const)
    await eventually(() => receiver.errors(store).filter((error) => error instanceof AuthError).length >= 2)
  await acl('rotating', '>first')
  await receiver.up('inputStore', 2)
  await receiver.up('outputStore', 2)
  expect(await emitted).toBe('resolved')
  for (const error of receiver.errors()) expect(shown(error)).not.toContain('first')
  await transport.publish({ name: 'n', id: '2' }, event('[]'))
  await receiver.arrived('2')
})

test('what is forbidden says which channel, and nothing secret; once it is allowed it goes', async () => {
  await acl('limited', 'reset', 'on', `>${SECRET}`, '+@all', '&se:open:*')
  const { transport } = make({ username: 'limited', password: SECRET })
  const [refused, unsent] = await Promise.all(
    [transport.subscribe({ name: 'closed' }), transport.publish({ name: 'closed', id: '1' }, event('["payload"]'))].map(
      outcome,
    ),
  )
  for (const [error, channel] of [[refused, 'se:closed:*'], [unsent, 'se:closed:']] as const) {
    expect(error).toBeInstanceOf(ForbiddenError)
    expect(error).toMatchObject({ channel })
    expect(shown(error)).not.toMatch(/payload|horse/)
  } // prettier-ignore
  await acl('limited', '&se:closed:*')
  await transport.subscribe({ name: 'closed' })
  await transport.publish({ name: 'closed', id: '1' }, event('[]'))
})

test('of a batch only the emits of the forbidden name reject', async () => {
  await acl('halved', 'reset', 'on', `>${SECRET}`, '+@all', '&se:open:*')
  const { transport } = make({ username: 'halved', password: SECRET })
  await transport.connect()
  const settled = await Promise.all(
    ['open', 'closed', 'open', 'closed'].map((name, i) =>
      outcome(transport.publish({ name, id: `${i}` }, event('[]'))),
    ),
  )
  expect(settled).toEqual(['resolved', expect.any(ForbiddenError), 'resolved', expect.any(ForbiddenError)])
})

const worker = ['reset', 'on', `>${SECRET}`, '-@all', '&se:*', '+publish', '+info']
const api = ['reset', 'on', `>${SECRET}`, '-@all', '+ping', '+info']
const subscribing = ['+subscribe', '+unsubscribe']
const patterns = ['+psubscribe', '+punsubscribe']
test.each([
  { channels: 'pattern', rules: ['&se:job:*', ...patterns], topic: { name: 'job' } },
  { channels: 'name', rules: ['&se:*', ...subscribing], topic: { name: 'job' } },
  { channels: 'id', rules: ['&se:*', ...subscribing], topic: { name: 'job', id: '1' } },
  { channels: 'id', rules: ['&se:job:*', ...patterns], topic: { name: 'job' } },
] as const)(
  'the smallest users of the documentation are enough: $channels, $topic',
  async ({ channels, rules, topic }) => {
    await acl('worker', ...worker)
    await acl('api', ...api, ...rules)
    const there = make({ username: 'worker', password: SECRET, channels })
    const here = make({ username: 'api', password: SECRET, channels, heartbeat: 20 })
    await here.transport.subscribe(topic)
    await there.transport.publish({ name: 'job', id: '1' }, event('[]'))
    await here.receiver.arrived('1')
    await here.transport.unsubscribe(topic)
    expect(await admin.call('PUBSUB', 'CHANNELS')).toEqual([])
    expect(await admin.call('PUBSUB', 'NUMPAT')).toBe(0)
    expect([...there.receiver.errors(), ...here.receiver.errors()]).toEqual([])
  },
)

test.each([
  { channels: 'name', topic: { name: 'closed' }, channel: 'se:closed:' },
  { channels: 'id', topic: { name: 'closed', id: ':' }, channel: 'se:closed:%3A' },
] as const)(
  'channels $channels: what is forbidden says which channel, here and there',
  async ({ channels, topic, channel }) => {
    await acl('limited', 'reset', 'on', `>${SECRET}`, '+@all', '&se:open:*')
    const { transport } = make({ username: 'limited', password: SECRET, channels })
    await expect(transport.subscribe(topic)).rejects.toMatchObject({ code: ForbiddenError.code, channel })
    await expect(transport.publish({ name: 'closed', id: ':' }, event('[]'))).rejects.toMatchObject({ channel })
    await acl('limited', '&se:closed:*')
    await transport.subscribe(topic)
    await transport.publish({ name: 'closed', id: ':' }, event('[]'))
  },
)

test("channels 'id': a glob over names is no pattern, so it lets wait but not listen", async () => {
  await acl('limited', 'reset', 'on', `>${SECRET}`, '+@all', '&se:*')
  const { transport } = make({ username: 'limited', password: SECRET, channels: 'id' })
  const [wait, listen] = await Promise.all(
    [{ name: 'n', id: '1' }, { name: 'n' }].map((topic) => outcome(transport.subscribe(topic))),
  )
  expect(wait).toBe('resolved')
  expect(listen).toMatchObject({ code: ForbiddenError.code, channel: 'se:n:*' })
})

test('that PING is forbidden is a sign of life', async () => {
  await acl('silent', 'reset', 'on', `>${SECRET}`, 'allchannels', '+@all', '-ping')
  const { transport, receiver } = make({ username: 'silent', password: SECRET, heartbeat: 300 })
  await transport.subscribe({ name: 'n' })
  const before = Number(/total_error_replies:(\d+)/.exec(await admin.info('stats'))?.[1])
  await eventually(async () => Number(/total_error_replies:(\d+)/.exec(await admin.info('stats'))?.[1]) >= before + 3)
  expect(receiver.states('outputStore')).toEqual([true])
})
