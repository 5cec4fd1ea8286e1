import { connect, headers } from '@nats-io/transport-node'
import type { NatsConnection } from '@nats-io/transport-node'
import fc from 'fast-check'
import type { Message } from 'server-events'
import { eventually, startNats } from '@server-events/testing'
import type { NatsServer } from '@server-events/testing'
import { headersOfReceived } from '../src/wire/headers'
import { decode, encode } from '../src/wire/messages'
import { closeAll, event, open, sentinel } from './support'

/** What a server would pass on: the headers as text, the bytes apart. */
function across(message: Message): Message {
  const { data, headers: sent } = encode(message)
  // Of the class that Node's sockets give.
  const bytes = Buffer.from((sent as unknown as { encode(): Uint8Array }).encode())
  return decode('report', Buffer.from(data), headersOfReceived({ _rdata: bytes, _msg: { hdr: bytes.length } }))
}

test('any message arrives as it left', () => {
  const text = fc.string({ unit: 'binary' })
  const broken = fc.constantFrom('\ud800', 'a\udc00b', '\ufeffbom', '')
  fc.assert(
    fc.property(
      fc.record<Message, 'kind' | 'body'>(
        {
          kind: fc.constantFrom('event', 'failure'),
          body: fc.oneof(text, broken, fc.uint8Array()),
          kept: fc.boolean(),
          headers: fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__', 'Nats-TTL', 'se-kind', 'a')), text),
        },
        { requiredKeys: ['kind', 'body'] },
      ),
      (message) => {
        const arrived = across(message)
        expect(arrived).toEqual(message)
        expect(Object.keys(arrived).sort()).toEqual(Object.keys(message).sort())
        if (typeof message.body !== 'string') expect(arrived.body.constructor).toBe(Uint8Array)
      },
    ),
    { numRuns: 500 },
  )
})

test('headers travel under their own names, but for those that NATS would change or obey', () => {
  const { headers: wire } = encode({
    kind: 'failure',
    body: '{}',
    kept: true,
    headers: { traceparent: '00-1-2-01', 'Nats-Rollup': 'all', padded: ' x ', 'line\nbreak': 'x' },
  })
  expect(Object.fromEntries(wire)).toEqual({
    'Se-Kind': ['failure'],
    'Se-Kept': ['true'],
    traceparent: ['00-1-2-01'],
    'Se-Headers': ['{"Nats-Rollup":"all","padded":" x ","line\\nbreak":"x"}'],
  })
})

test('what the caller does to the bytes later changes nothing', () => {
  const body = new Uint8Array([1, 2, 3])
  const { data } = encode({ kind: 'event', body })
  body.fill(0)
  expect([...data]).toEqual([1, 2, 3])
})

describe('what others publish on our subjects', () => {
  let nats: NatsServer
  let other: NatsConnection

  beforeAll(async () => {
    nats = await startNats({ jetStream: false })
    other = await connect({ servers: `127.0.0.1:${nats.port}` })
  })

  afterEach(closeAll)

  afterAll(async () => {
    await other.close()
    await nats.stop()
  })

  test('is an event if it says nothing else: anybody can answer', async () => {
    const { transport, receiver } = open(nats)
    await transport.subscribe({ name: 'report' })
    other.publish('se.report.42', '["done"]')
    await eventually(() => receiver.heard.length === 1)
    expect(receiver.heard).toEqual([{ key: { name: 'report', id: '42' }, message: event('["done"]') }])
  })

  test('is reported and dropped if it cannot be read, without its content', async () => {
    const api = open(nats)
    await api.transport.subscribe({ name: 'report' })
    const publish = (id: string, name: string, value: string): void => {
      const wire = headers()
      wire.set(name, value)
      other.publish(`se.report.${id}`, 'secret', { headers: wire })
    }
    publish('1', 'Se-Kind', 'secret 1')
    publish('2', 'Se-Body', 'secret')
    publish('3', 'Se-Headers', '{"secret"')
    publish('4', 'Se-Headers', '{"secret":1}')
    publish('not=20canonical=41', 'Se-Kind', 'event')
    publish('=ZZ', 'Se-Kind', 'event')
    await other.flush()
    await sentinel(open(nats), api, { name: 'report', id: '5' })
    expect(api.receiver.heard).toHaveLength(1)
    expect(api.receiver.errors.map((error) => (error as { code?: string }).code)).toEqual([
      'ERR_UNSUPPORTED',
      'ERR_UNSUPPORTED',
      'ERR_SERIALIZATION',
      'ERR_SERIALIZATION',
      'ERR_SERIALIZATION',
      'ERR_SERIALIZATION',
    ])
    for (const { message } of api.receiver.errors) {
      expect(message).toContain('"report"')
      expect(message).not.toContain('secret')
    }
  })
})
