import { instrument, type InstrumentOptions } from '@server-events/opentelemetry'
import { expect, test } from 'tstyche'

// As optional settings of an application come, under exactOptionalPropertyTypes.
test('options may be undefined', () => {
  const given: { readonly [K in keyof InstrumentOptions]?: InstrumentOptions[K] | undefined } = {}
  expect(instrument).type.toBeCallableWith(undefined, given)
})
