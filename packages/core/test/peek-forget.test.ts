import { eventually } from '@server-events/testing'
import { rejection, settle, start, watch } from './support/harness'
import type { Started, Watched } from './support/harness'
import { eventOf, failureOf } from './support/scripted-transport'

const key = { name: 'report', id: '1' }

describe('peek', () => {
  test('resolves with the args of the kept outcome, without waiting or subscribing', async () => {
    const { events, transport } = start({ keeper: true })
    transport.keep(key, eventOf(['kept', 1]))
    expect(await events.peek('report', 1)).toEqual(['kept', 1])
    expect(transport.log).toEqual(['recall report:1'])
    expect(events.stats().pending).toBe(0)
  })

  test('resolves with undefined when there is none', async () => {
    const { events } = start({ keeper: true })
    expect(await events.peek('report', 1)).toBeUndefined()
  })

  test('a kept failure rejects with its RemoteError', async () => {
    const { events, transport } = start({ keeper: true })
    transport.keep(key, failureOf({ name: 'RangeError', message: 'no disk', code: 'EDISK', data: [1] }))
    expect(await rejection(events.peek('report', 1))).toMatchObject({
      code: 'ERR_REMOTE',
      event: 'report',
      id: '1',
      remoteName: 'RangeError',
      message: 'no disk',
      remoteCode: 'EDISK',
      data: [1],
    })
  })

  test.each([
    ['not JSON', { kind: 'event', body: '{secret' }],
    ['no array', { kind: 'event', body: '{"secret":1}' }],
    ['no failure', { kind: 'failure', body: '"secret"' }],
  ] as const)('an outcome that is %s rejects with SerializationError, without its payload', async (_, message) => {
    const { events, transport } = start({ keeper: true })
    transport.keep(key, message)
    const error = await rejection(events.peek('report', 1))
    expect(error).toMatchObject({ code: 'ERR_SERIALIZATION' })
    expect(error.message).not.toContain('secret')
  })

  test.each([
    ['ERR_CONNECTION', { code: 'ERR_CONNECTION' }],
    ['ERR_FORBIDDEN', { code: 'ERR_FORBIDDEN', channel: 'se:kept' }],
    ['ERR_CONNECTION', {}],
  ])('an Error of the store rejects with %s: that is not absence', async (code, more) => {
    const { events, transport } = start({ keeper: true, manual: ['recall'] })
    const peek = events.peek('report', 1)
    await settle()
    transport.recalls.last.resolve([Object.assign(new Error('away'), more)])
    expect(await rejection(peek)).toMatchObject({ ...more, code })
  })
})

describe('peek, when the connection is lost with the answer', () => {
  const away = (): Error => Object.assign(new Error('away'), { code: 'ERR_CONNECTION' })

  async function lost(): Promise<Started & { peek: Watched }> {
    const started = start({ keeper: true, manual: ['recall'] })
    await started.events.init()
    const peek = watch(started.events.peek('report', 1))
    await settle()
    started.transport.down('inputStore')
    started.transport.recalls.last.resolve([away()])
    await settle()
    return { ...started, peek }
  }

  test('asks on the next one', async () => {
    const { transport, peek } = await lost()
    expect(peek.state).toBe('pending')
    transport.up('inputStore')
    await eventually(() => transport.recalls.count === 2)
    transport.recalls.last.resolve([eventOf(['kept'])])
    await settle()
    expect(peek).toMatchObject({ state: 'resolved', value: ['kept'] })
  })

  test('gives up after 5 s without one, and at close', async () => {
    const { peek } = await lost()
    await eventually(() => peek.state === 'rejected', { timeout: 20_000 })
    expect(peek.value).toMatchObject({ code: 'ERR_CONNECTION' })
    const closed = await lost()
    await closed.events.close()
    await eventually(() => closed.peek.state === 'rejected')
  })
})

test('forget removes the kept outcome', async () => {
  const { events, transport } = start({ keeper: true })
  transport.keep(key, eventOf(['kept']))
  await events.forget('report', 1)
  expect(await events.peek('report', 1)).toBeUndefined()
  expect(transport.log).toEqual(['forget report:1', 'recall report:1'])
})

test.each(['ERR_CONNECTION', 'ERR_UNCERTAIN', 'ERR_FORBIDDEN'])(
  'forget rejects with %s as the transport does',
  async (code) => {
    const { events, transport } = start({ keeper: true, manual: ['forget'] })
    const forget = events.forget('report', 1)
    await settle()
    transport.forgets.last.reject(Object.assign(new Error('as told'), { code }))
    expect(await rejection(forget)).toMatchObject({ code, message: 'as told' })
  },
)

test('both need a keeper, but not option keep', async () => {
  const { events } = start()
  expect(await rejection(events.peek('report', 1))).toMatchObject({ code: 'ERR_UNSUPPORTED' })
  expect(await rejection(events.forget('report', 1))).toMatchObject({ code: 'ERR_UNSUPPORTED' })
})
