import type { EventMap, Received, Sent, StandardSchemaV1 } from 'server-events'
import { describe, expect, test } from 'tstyche'

type Valid<C extends EventMap<C>> = C

interface Declared {
  report: [url: string, pages: number]
  ping: []
}

describe('a contract', () => {
  test('is a type or an interface of tuples', () => {
    expect<Valid<Declared>>().type.toBe<Declared>()
    expect<Valid<{ report: readonly [url: string] }>>().type.toBe<{ report: readonly [url: string] }>()
  })

  test('may have schemas among its values', () => {
    interface Mixed {
      report: StandardSchemaV1<[string]>
      ping: []
    }
    expect<Valid<Mixed>>().type.toBe<Mixed>()
  })

  test('has nothing else', () => {
    expect<{ report: string }>().type.not.toBeAssignableTo<EventMap<{ report: string }>>()
    expect<{ report: { url: string } }>().type.not.toBeAssignableTo<EventMap<{ report: { url: string } }>>()
    expect<{ report: (url: string) => void }>().type.not.toBeAssignableTo<EventMap<{ report: (url: string) => void }>>()
  })
})

describe('Sent and Received', () => {
  test('of a tuple are the tuple', () => {
    expect<Sent<[url: string, pages: number]>>().type.toBe<[url: string, pages: number]>()
    expect<Received<[url: string, pages: number]>>().type.toBe<[url: string, pages: number]>()
  })

  test('of a schema are what goes in and what comes out', () => {
    type Transforming = StandardSchemaV1<[day: string], [day: Date]>
    expect<Sent<Transforming>>().type.toBe<[day: string]>()
    expect<Received<Transforming>>().type.toBe<[day: Date]>()
  })

  test('of a schema that is not one of args are never', () => {
    type NotArgs = StandardSchemaV1<string, number>
    expect<Sent<NotArgs>>().type.toBe<never>()
    expect<Received<NotArgs>>().type.toBe<never>()
  })
})
