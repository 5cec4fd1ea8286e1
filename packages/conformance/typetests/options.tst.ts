import type { ConformanceHub, Register } from '@server-events/conformance'
import { expect, test } from 'tstyche'

// As optional settings come, under exactOptionalPropertyTypes.
test('what a hub or a runner does not have may be undefined', () => {
  type Given<T> = { readonly [K in keyof T]?: T[K] | undefined }
  expect<Given<Pick<ConformanceHub, 'secrets' | 'forbids'>>>().type.toBeAssignableTo<
    Pick<ConformanceHub, 'secrets' | 'forbids'>
  >()
  expect<Given<Pick<Register, 'skip'>>>().type.toBeAssignableTo<Pick<Register, 'skip'>>()
})
