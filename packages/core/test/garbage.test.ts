import type { Message } from 'server-events'
import { rejection, settle, start, watch } from './support/harness'
import { eventOf } from './support/scripted-transport'

const key = { name: 'report', id: '1' }
const garbage: [string, Message, string][] = [
  ['not JSON', { kind: 'event', body: 'secret' }, 'ERR_SERIALIZATION'],
  ['truncated JSON', { kind: 'event', body: '["secret"' }, 'ERR_SERIALIZATION'],
  ['JSON of another shape', { kind: 'event', body: '{"secret":1}' }, 'ERR_SERIALIZATION'],
  ['bytes that are no JSON', { kind: 'event', body: new Uint8Array([255, 0]) }, 'ERR_SERIALIZATION'],
  ['a failure that is none', { kind: 'failure', body: '["secret"]' }, 'ERR_SERIALIZATION'],
  ['a failure that is not JSON', { kind: 'failure', body: 'secret' }, 'ERR_SERIALIZATION'],
  ['without a body', { kind: 'event' } as any, 'ERR_SERIALIZATION'],
  ['oversized', eventOf(['x'.repeat(3_000_000)]), 'ERR_PAYLOAD_TOO_LARGE'],
]

describe.each(garbage)('rule 12: a message that is %s', (_, message, code) => {
  test('is reported once for its name and dropped: the wait goes on', async () => {
    const { events, transport, told } = start()
    const wait = events.on('report', 1)
    const other = watch(events.on('other', 1))
    await settle()
    for (let times = 0; times < 3; times++) transport.receiver.deliver(key, message)
    expect(told).toEqual([{ store: 'outputStore', error: expect.objectContaining({ code }) }])
    expect(told[0]!.error.message).toContain('"report"')
    expect(told[0]!.error.message).not.toContain('secret')
    // Once per name.
    transport.receiver.deliver({ name: 'other', id: '1' }, message)
    expect(told).toHaveLength(2)
    transport.deliver(key, ['good'])
    expect(await wait).toEqual(['good'])
    expect(other.state).toBe('pending')
  })

  test('calls no listener', async () => {
    const { events, transport, told } = start()
    const calls: string[] = []
    await events.listen('report', (id) => calls.push(id))
    transport.receiver.deliver(key, message)
    transport.deliver({ name: 'report', id: 'sentinel' }, [])
    expect(calls).toEqual(['sentinel'])
    expect(told).toHaveLength(message.kind === 'failure' ? 0 : 1)
  })
})

test('kinds are told apart: each once per name', async () => {
  const { events, transport, told } = start()
  void events.on('report', 1)
  await settle()
  for (let times = 0; times < 2; times++) {
    for (const [, message] of garbage) transport.receiver.deliver(key, message)
  }
  expect(told.map(({ error }) => error.code).sort()).toEqual(['ERR_PAYLOAD_TOO_LARGE', 'ERR_SERIALIZATION'])
})

test('too large is over twice maxPayload and 256 KiB', async () => {
  const { events, transport, told } = start({}, { maxPayload: 1000 })
  const limit = 2 * 1000 + 256 * 1024
  const fitting = events.on('report', 1)
  const over = watch(events.on('report', 2))
  await settle()
  transport.receiver.deliver(key, { kind: 'event', body: JSON.stringify(['x'.repeat(limit - 4)]) })
  expect((await fitting)[0]).toHaveLength(limit - 4)
  transport.receiver.deliver(
    { name: 'report', id: '2' },
    { kind: 'event', body: JSON.stringify(['x'.repeat(limit - 3)]) },
  )
  expect(told[0]!.error).toMatchObject({ code: 'ERR_PAYLOAD_TOO_LARGE' })
  expect(over.state).toBe('pending')
})

test('a codec whose decode throws or returns no array: its own words are not passed on', async () => {
  for (const decode of [(body: any) => JSON.parse(`secret ${body}`), () => 'secret' as any]) {
    const { events, transport, told } = start({}, { codec: { encode: JSON.stringify, decode } })
    void events.on('report', 1)
    await settle()
    transport.deliver(key, [])
    expect(told).toHaveLength(1)
    expect(JSON.stringify([told[0]!.error.message, told[0]!.error.cause])).not.toContain('secret')
  }
})

test('garbage that is kept is reported, and the wait goes on', async () => {
  const { events, transport, told } = start({ keeper: true }, { keep: 5000 })
  transport.keep(key, { kind: 'event', body: 'secret' })
  const wait = events.on('report', 1)
  await settle()
  expect(told).toEqual([{ store: 'outputStore', error: expect.objectContaining({ code: 'ERR_SERIALIZATION' }) }])
  transport.deliver(key, ['good'], { kept: true })
  expect(await wait).toEqual(['good'])
})

test.each(['ERR_SERIALIZATION', 'ERR_PAYLOAD_TOO_LARGE', 'ERR_UNSUPPORTED'])(
  'what a transport could not read (%s) is told once per text, although it reports each',
  (code) => {
    const { transport, told } = start()
    for (const name of ['a', 'a', 'b', 'a']) {
      transport.error('outputStore', Object.assign(new Error(`unknown wire version in "${name}"`), { code }))
    }
    expect(told.map(({ error }) => [error.code, error.message])).toEqual([
      [code, 'unknown wire version in "a"'],
      [code, 'unknown wire version in "b"'],
    ])
  },
)

test('what there is to remember is bounded: a peer may make up names for ever', () => {
  const { transport, told } = start()
  for (let name = 0; name < 5000; name++) {
    transport.error('outputStore', Object.assign(new Error(`unreadable "${name}"`), { code: 'ERR_SERIALIZATION' }))
  }
  expect(told.length).toBeGreaterThan(0)
  expect(told.length).toBeLessThanOrEqual(1000)
  // Of one kind: another one is still told.
  transport.error('outputStore', Object.assign(new Error('another wire'), { code: 'ERR_UNSUPPORTED' }))
  expect(told.at(-1)?.error.message).toBe('another wire')
})

describe('a mismatch of keep', () => {
  test('this side keeps the name, the event says that it is not kept: reported once per name, and delivered', async () => {
    const { events, transport, told } = start({ keeper: true }, { keep: 5000 })
    for (const name of ['report', 'report', 'other']) {
      const wait = events.on(name, 1)
      await settle()
      transport.deliver({ name, id: '1' }, ['unkept'], { kept: false })
      expect(await wait).toEqual(['unkept'])
    }
    expect(told.map(({ error }) => [error.code, /"(\w+)"/.exec(error.message)![1]])).toEqual([
      ['ERR_UNSUPPORTED', 'report'],
      ['ERR_UNSUPPORTED', 'other'],
    ])
  })

  test('this side waits for what is kept elsewhere only: reported once per name, with what to set', async () => {
    const { events, transport, told } = start({ keeper: true })
    for (let times = 0; times < 2; times++) {
      const wait = events.on('report', 1)
      await settle()
      transport.deliver(key, [], { kept: true })
      await wait
    }
    expect(told).toHaveLength(1)
    expect(told[0]!.error).toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining('set `keep` for it here too'),
    })
  })

  test('is none for who only listens', async () => {
    const { events, transport, told } = start({ keeper: true })
    await events.listen('report', () => {})
    transport.deliver(key, [], { kept: true })
    expect(told).toEqual([])
  })

  test.each([
    ['the event is kept', { kept: true }, { keep: 5000 }],
    ['the wire cannot tell', {}, { keep: 5000 }],
    ['this side does not keep the name', { kept: false }, {}],
  ])('is none when %s', async (_, message, options) => {
    const { events, transport, told } = start({ keeper: true }, options)
    const wait = events.on('report', 1)
    await settle()
    transport.deliver(key, [], message)
    await wait
    expect(told).toEqual([])
  })
})

test('a TimeoutError after garbage is as any other', async () => {
  const { events, transport } = start()
  const wait = events.on('report', 1, 30)
  await settle()
  transport.receiver.deliver(key, { kind: 'event', body: 'secret' })
  expect(await rejection(wait)).toMatchObject({ code: 'ERR_TIMEOUT', subscribed: true })
})
