import { PostgresTransport, type PostgresTransportOptions } from '@server-events/postgres'
import { expect, test } from 'tstyche'

// As optional settings of an application come, under exactOptionalPropertyTypes.
test('options may be undefined', () => {
  const given: { readonly [K in keyof PostgresTransportOptions]?: PostgresTransportOptions[K] | undefined } = {}
  expect(PostgresTransport).type.toBeConstructableWith('postgres://localhost', given)
  expect(PostgresTransport).type.toBeConstructableWith({ host: undefined, port: undefined, password: undefined })
})
