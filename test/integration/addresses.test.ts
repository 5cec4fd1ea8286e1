import Redis from 'ioredis'
import type { ServerEvents } from 'server-events'
import { onEveryTransport, useRedis } from './support/stage'

const nasty = [
  'a:b',
  'a',
  ':',
  '::',
  '*',
  'a*',
  '?',
  '[a]',
  '[^a]',
  '{a}',
  '{',
  '}',
  '%',
  '%3A',
  '%25',
  '\\',
  'a\\*',
  '\n',
  '\t',
  'a\nb\tc',
  '\0',
  '\r\n',
  ' ',
  '😀',
  'é',
  '__proto__',
  'constructor',
  'toString',
  'e',
  '"',
  "'",
  'x'.repeat(512),
  '語'.repeat(170),
]

/** Every pair waits at once, every pair is emitted once: each wait must get its own. */
async function exchange(waiting: ServerEvents, emitting: ServerEvents): Promise<void> {
  await emitting.init()
  const waits: Promise<unknown>[] = []
  const expected: unknown[] = []
  for (const name of nasty) {
    for (const id of nasty) {
      waits.push(waiting.on(name, id, 20_000))
      expected.push([name, id])
    }
  }
  await Promise.all(nasty.flatMap((name) => nasty.map((id) => emitting.emit(name, id, name, id))))
  expect(await Promise.all(waits)).toEqual(expected)
}

onEveryTransport(({ connect }) => {
  test('nasty names and ids reach their own wait, and no other', async () => {
    const waiting = connect()
    await Promise.all(nasty.map((name) => waiting.listen(name)))
    await exchange(waiting, connect())
  })

  test("('a', 'b:c') and ('a:b', 'c') never meet", async () => {
    const waiting = connect()
    await Promise.all(['a', 'a:b'].map((name) => waiting.listen(name)))
    const emitting = connect()
    const first = waiting.on('a', 'b:c', 10_000)
    const second = waiting.on('a:b', 'c', 10_000)
    await emitting.emit('a:b', 'c', 'second')
    expect(await second).toEqual(['second'])
    expect(waiting.stats().pending).toBe(1)
    await emitting.emit('a', 'b:c', 'first')
    expect(await first).toEqual(['first'])
  })

  test.each([
    ['an empty', ''],
    ['a lone surrogate in the', '\ud800'],
    ['a too long', 'x'.repeat(513)],
    ['a too long in UTF-8', '語'.repeat(171)],
  ])('%s name or id is refused before anything is sent', async (_, text) => {
    const events = connect()
    events.onerror(() => undefined)
    for (const attempt of [
      events.on(text, 1),
      events.on('ev', text),
      events.emit(text, 1),
      events.emit('ev', text),
      events.fail('ev', text, new Error('x')),
      events.listen(text),
      events.peek('ev', text),
      events.forget('ev', text),
    ]) {
      await expect(attempt).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    }
    expect(events.stats()).toMatchObject({ inputStore: { connected: false }, outputStore: { connected: false } })
  })
})

describe('after a reconnect', () => {
  const redis = useRedis()

  test('nasty names and ids still reach their own wait', async () => {
    const waiting = redis.connect({ listen: nasty })
    waiting.onerror(() => undefined)
    await waiting.init()
    const restored = new Promise<void>((resolve) => {
      let ups = 0
      waiting.onready((store) => {
        if (store === 'outputStore' && ++ups === 2) resolve()
      })
    })
    const admin = new Redis(redis.server.url)
    await admin.client('KILL', 'TYPE', 'pubsub')
    admin.disconnect()
    await restored
    await exchange(waiting, redis.connect())
  })
})
