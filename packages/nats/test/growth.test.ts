import { connect } from 'node:net'
import { NatsTransport } from '@server-events/nats'
import { growthOf, growthOfPlanted, linear, startNats } from '@server-events/testing'
import { ServerEvents } from 'server-events'
import { headersOfReceived, headersOfStored } from '../src/wire/headers'
import { decode } from '../src/wire/messages'

/*
 * Whoever may publish sends what he likes: what is read costs CPU time in proportion to its bytes, whatever they are,
 * and never ends a subscription. Told by growth, which no machine changes, and not by seconds.
 */

const blobs: readonly [string, (count: number) => string][] = [
  ['many headers', (count) => Array.from({ length: count }, (_, i) => `h${i}: 1\r\n`).join('')],
  ['many values of one header', (count) => 'h: 1\r\n'.repeat(count)],
  ['lines without a colon', (count) => 'h\r\n'.repeat(count)],
  ['empty lines', (count) => '\r\n'.repeat(count)],
  ['line feeds alone', (count) => '\n'.repeat(count)],
  ['a long name', (count) => `${'h'.repeat(count)}: 1\r\n`],
  ['a long value', (count) => `h: ${' '.repeat(count)}1\r\n`],
  [
    'many headers in one',
    (count) => `Se-Headers: {${Array.from({ length: count }, (_, i) => `"h${i}":"1"`).join(',')}}\r\n`,
  ],
]

test.each(blobs)('what comes as headers is read in time with its bytes: %s', async (_, of) => {
  const read = (count: number): void => {
    const bytes = Buffer.from(`NATS/1.0\r\n${of(count)}\r\n`)
    decode('report', Buffer.from('[]'), headersOfReceived({ _rdata: bytes, _msg: { hdr: bytes.length } }))
    decode('report', Buffer.from('[]'), headersOfStored(bytes.toString('base64')))
  }
  expect(await growthOf(read, 5000, 8)).toBeLessThan(linear)
})

test('the reader of the client, which is not used, takes time with the square of their number', async () => {
  const { MsgHdrsImpl } = jest.requireActual<{ MsgHdrsImpl: { decode(bytes: Uint8Array): unknown } }>(
    '@nats-io/transport-node',
  )
  const read = (count: number): void => {
    MsgHdrsImpl.decode(Buffer.from(`NATS/1.0\r\n${blobs[0]![1](count)}\r\n`))
  }
  expect(await growthOfPlanted(read, 2000)).toBeGreaterThan(linear)
})

test.each([
  ['100,000 headers', blobs[0]![1](80_000)],
  ['a name of 500,000 characters', blobs[5]![1](500_000)],
  ['a name that is none', 'n\u00e4me\u0001 x: 1\r\n'],
  ['bytes that are no text', '\u0000\u0080: \u0000\r\n'],
  ['a status instead', ''],
])('a waiting server lives through %s', async (_, headers) => {
  const nats = await startNats()
  const events = new ServerEvents(new NatsTransport(nats.url))
  events.onerror(() => undefined)
  try {
    await events.init()
    const ready = events.stream('report', 7)
    await ready.ready
    const block = `NATS/1.0${headers === '' ? ' 503 no' : ''}\r\n${headers}\r\n`
    const total = Buffer.byteLength(block) + 2
    const raw = connect(nats.port, '127.0.0.1')
    raw.write(`CONNECT {"headers":true,"verbose":false}\r\nHPUB se.report.7 ${total - 2} ${total}\r\n${block}[]\r\n`)
    const [first] = (await ready.next()).value!
    expect(first).toBeUndefined()
    const before = events.stats().outputStore.interruptions
    await events.emit('report', 7, 'still heard')
    expect((await ready.next()).value).toEqual(['still heard'])
    expect(before).toBe(0)
    raw.destroy()
  } finally {
    await events.close()
    await nats.stop()
  }
})
