import { RedisTransport, type RedisTransportOptions } from '@server-events/redis'
import { expect, test } from 'tstyche'

// As optional settings of an application come, under exactOptionalPropertyTypes.
test('options may be undefined', () => {
  const given: { readonly [K in keyof RedisTransportOptions]?: RedisTransportOptions[K] | undefined } = {}
  expect(RedisTransport).type.toBeConstructableWith('redis://localhost', given)
  expect(RedisTransport).type.toBeConstructableWith({ host: undefined, port: undefined, password: undefined })
})
