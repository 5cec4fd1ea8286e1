import Redis from 'ioredis'
import { useRedis } from './support/stage'

const redis = useRedis()

const garbage: [string, string | Buffer][] = [
  ['not a frame', 'hello'],
  ['an empty message', ''],
  ['JSON of another shape', '{"a":1}'],
  ['a 1.x payload on our prefix', '["ev","1","x"]'],
  ['an unknown version', 'se9\ne1\t\t[]'],
  ['a truncated frame', 'se2'],
  ['a truncated line', 'se2\ne1'],
  ['a line without a body', 'se2\ne1\t'],
  ['an unknown tag', 'se2\nx1\t\t[]'],
  ['a body that is not JSON', 'se2\ne1\t\t{nope'],
  ['a body of another shape', 'se2\ne1\t\t{"length":1}'],
  ['headers that are not JSON', 'se2\ne1\t{nope\t[]'],
  ['headers of another shape', 'se2\ne1\t[1]\t[]'],
  ['a failure of another shape', 'se2\nf1\t\t[]'],
  ['a failure that is not JSON', 'se2\nf1\t\tnope'],
  ['a bad percent encoding', 'se2\ne%zz\t\t[]'],
  ['bytes that are not base64', 'se2\nb1\t\t***'],
  ['control characters', '\0\x01\x02\x1b[2J\r\n'],
  ['5 MB of text', 'x'.repeat(5_000_000)],
  ['a frame of 5 MB', `se2\ne1\t\t["${'x'.repeat(5_000_000)}"]`],
  ['invalid UTF-8', Buffer.from([0x73, 0x65, 0x32, 0x0a, 0x65, 0xff, 0xfe, 0x09, 0x09])],
]

test('a peer that makes up versions of the wire is one report, and leaves room for others', async () => {
  const events = redis.connect({ listen: ['ev'] })
  const told: string[] = []
  events.onerror((_, error) => told.push(error.message))
  await events.init()
  const wait = events.on('ev', 1, 600_000)
  const raw = new Redis(redis.server.url)
  const garbage = Array.from({ length: 2_000 }, (_, i) => `se${100 + i}\nx`)
  await Promise.all([...garbage, 'hello'].map((message) => raw.publish('se:ev:', message)))
  raw.disconnect()
  await events.emit('ev', 1)
  await wait
  expect(told).toEqual([
    expect.stringMatching(/"ev" is in another wire version than 2\b/),
    expect.stringMatching(/"ev" cannot be read/),
  ])
})

test.each([{}, { channels: 'name' }, { channels: 'id' }] as const)(
  'garbage on our channels is reported once per kind, and nothing else happens: %j',
  async (transport) => {
    const events = redis.connect({ listen: ['ev'] }, transport)
    const errors: { store: string; code: unknown; message: string }[] = []
    events.onerror((store, error) => {
      errors.push({ store, code: (error as { code?: unknown }).code, message: error.message })
    })
    await events.init()
    const heard: unknown[][] = []
    await events.listen('ev', (id, ...args) => heard.push([id, ...args]))
    const wait = events.on('ev', 1, 600_000)
    const raw = new Redis(redis.server.url)
    for (let round = 0; round < 3; round++) {
      for (const [, message] of garbage) {
        await raw.publish('se:ev:', message)
        await raw.publish('se:ev:1', message)
      }
    }
    raw.disconnect()
    // The sentinel: all before it has been heard.
    await events.emit('ev', 1, 'sound')
    expect(await wait).toEqual(['sound'])
    expect(heard).toEqual([['1', 'sound']])
    expect(errors.length).toBeGreaterThan(2)
    const kinds = errors.map(({ code, message }) => `${String(code)} ${message}`)
    expect(new Set(kinds).size).toBe(kinds.length)
    for (const { store, message } of errors) {
      expect(store).toBe('outputStore')
      expect(message).toContain('"ev"')
      expect(message).not.toMatch(/hello|nope|xxxx/)
    }
    expect(events.stats()).toMatchObject({ pending: 0, outputStore: { connected: true, interruptions: 0 } })
  },
)
