import { NatsTransport, type NatsTransportOptions } from '@server-events/nats'
import { expect, test } from 'tstyche'

// As optional settings of an application come, under exactOptionalPropertyTypes.
test('options may be undefined', () => {
  const given: { readonly [K in keyof NatsTransportOptions]?: NatsTransportOptions[K] | undefined } = {}
  expect(NatsTransport).type.toBeConstructableWith('nats://localhost', given)
  expect(NatsTransport).type.toBeConstructableWith({ servers: 'nats://localhost', user: undefined, pass: undefined })
})
