import { type } from 'arktype'
import type { ServerEventsOptions, Transport } from 'server-events'
import { ServerEvents } from 'server-events'
import { describe, expect, test } from 'tstyche'
import * as v from 'valibot'
import * as z from 'zod'

declare const transport: Transport

describe('a contract inferred from schemas', () => {
  test('of zod: emit takes what goes in, who waits gets what comes out', () => {
    const report = z.tuple([z.string(), z.number()])
    const day = z.tuple([z.string().transform((text) => new Date(text))])
    const events = new ServerEvents(transport, { schemas: { report, day }, listen: ['report'], keep: { day: 1000 } })
    expect(events.emit).type.toBeCallableWith('report', 1, '/r/1.pdf', 7)
    expect(events.emit).type.not.toBeCallableWith('report', 1, '/r/1.pdf', '7')
    expect(events.emit).type.not.toBeCallableWith('report', 1)
    expect(events.emit).type.toBeCallableWith('day', 1, '2026-01-01')
    expect(events.emit).type.not.toBeCallableWith('day', 1, new Date())
    expect(events.on('report', 1)).type.toBe<Promise<[string, number]>>()
    expect(events.on('day', 1)).type.toBe<Promise<[Date]>>()
    expect(events.peek('day', 1)).type.toBe<Promise<[Date] | undefined>>()
    void events.listen('day', (id, date) => {
      expect(id).type.toBe<string>()
      expect(date).type.toBe<Date>()
    })
    void events.stream('day', 1, {
      until: (date) => {
        expect(date).type.toBe<Date>()
        return true
      },
    })
  })

  test('of valibot', () => {
    const schemas = { report: v.tuple([v.string(), v.pipe(v.string(), v.transform(Number))]) }
    const events = new ServerEvents(transport, { schemas })
    expect(events.emit).type.toBeCallableWith('report', 1, '/r/1.pdf', '7')
    expect(events.emit).type.not.toBeCallableWith('report', 1, '/r/1.pdf', 7)
    expect(events.on('report', 1)).type.toBe<Promise<[string, number]>>()
  })

  test('of arktype', () => {
    const events = new ServerEvents(transport, { schemas: { report: type(['string', 'string.date.parse']) } })
    expect(events.emit).type.toBeCallableWith('report', 1, '/r/1.pdf', '2026-01-01')
    expect(events.emit).type.not.toBeCallableWith('report', 1, '/r/1.pdf', new Date())
    expect(events.on('report', 1)).type.toBe<Promise<[string, Date]>>()
  })

  test('of optional and of any number of args', () => {
    const schemas = { few: z.tuple([z.string(), z.number().optional()]), many: z.array(z.string()) }
    const events = new ServerEvents(transport, { schemas })
    expect(events.emit).type.toBeCallableWith('few', 1, 'a')
    expect(events.emit).type.toBeCallableWith('few', 1, 'a', 1)
    expect(events.emit).type.toBeCallableWith('many', 1)
    expect(events.emit).type.toBeCallableWith('many', 1, 'a', 'b', 'c')
    expect(events.on('many', 1)).type.toBe<Promise<string[]>>()
  })

  test('has the names of the schemas and no others', () => {
    const schemas = { report: z.tuple([z.string()]) }
    const events = new ServerEvents(transport, { schemas })
    expect(events.on).type.not.toBeCallableWith('other', 1)
    expect(ServerEvents).type.not.toBeConstructableWith(transport, { schemas, listen: ['other'] })
    expect(ServerEvents).type.not.toBeConstructableWith(transport, { schemas, keep: { other: 1000 } })
  })

  test('takes schemas of args only, and nothing that is no schema', () => {
    expect(ServerEvents).type.not.toBeConstructableWith(transport, { schemas: { report: z.string() } })
    expect(ServerEvents).type.not.toBeConstructableWith(transport, { schemas: { report: z.object({ a: z.string() }) } })
    expect(ServerEvents).type.not.toBeConstructableWith(transport, { schemas: { report: ['a'] } })
    expect(ServerEvents).type.not.toBeConstructableWith(transport, { schemas: { report: {} } })
  })
})

describe('with a contract of its own', () => {
  interface Jobs {
    report: [url: string, pages: number]
    ping: []
  }
  const report = z.tuple([z.string(), z.number()])

  test('schemas of its tuples are taken, for some or all names', () => {
    expect(ServerEvents<Jobs>).type.toBeConstructableWith(transport, { schemas: { report } })
    expect(ServerEvents<Jobs>).type.toBeConstructableWith(transport, { schemas: {} })
    expect(ServerEvents<Jobs>).type.toBeConstructableWith(transport, { schemas: { report, ping: z.tuple([]) } })
    const events = new ServerEvents<Jobs>(transport, { schemas: { report } })
    expect(events.on('report', 1)).type.toBe<Promise<[url: string, pages: number]>>()
    expect(events.emit).type.toBeCallableWith('ping', 1)
  })

  test('schemas of something else are not', () => {
    const transforming = z.tuple([z.string(), z.string().transform(Number)])
    expect(ServerEvents<Jobs>).type.not.toBeConstructableWith(transport, { schemas: { report: z.tuple([z.string()]) } })
    expect(ServerEvents<Jobs>).type.not.toBeConstructableWith(transport, { schemas: { report: transforming } })
    expect(ServerEvents<Jobs>).type.not.toBeConstructableWith(transport, { schemas: { report: ['a', 1] } })
    expect(ServerEvents<Jobs>).type.not.toBeConstructableWith(transport, { schemas: { other: report } })
  })

  test('a contract may be the type of a module of schemas', () => {
    const schemas = { report }
    expect(ServerEvents<typeof schemas>).type.toBeConstructableWith(transport, { schemas })
    expect(new ServerEvents<typeof schemas>(transport).on('report', 1)).type.toBe<Promise<[string, number]>>()
    expect(ServerEvents<typeof schemas & { ping: [] }>).type.toBeConstructableWith(transport, { schemas })
    expect(ServerEvents<typeof schemas>).type.not.toBeConstructableWith(transport, {
      schemas: { report: z.tuple([z.string()]) },
    })
  })

  test('options may be typed apart', () => {
    const options: ServerEventsOptions<Jobs> = { listen: ['report'], keep: { ping: 1000 }, schemas: { report } }
    const events = new ServerEvents(transport, options)
    expect(events.on('report', 1)).type.toBe<Promise<[url: string, pages: number]>>()
  })
})
