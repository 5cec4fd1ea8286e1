import type { Codec } from 'server-events'
import { rejection, settle, start } from './support/harness'
import { eventOf, failureOf } from './support/scripted-transport'

const key = { name: 'report', id: '1' }

/** What is told is one message for all: how often it is decoded is what a fan-out costs. */
function counting(decode: (body: any) => any[]): { codec: Codec; decoded: () => number } {
  let decoded = 0
  const codec: Codec = {
    encode: (args) => JSON.stringify(args),
    decode: (body) => {
      decoded++
      return decode(body)
    },
  }
  return { codec, decoded: () => decoded }
}

const parsed = (body: string): any[] => JSON.parse(body) as any[]

describe('a message for many', () => {
  test.each<[string, unknown[]]>([
    ['a text', ['x'.repeat(1000)]],
    ['texts, numbers and the like', ['a', 1, true, null]],
    ['nothing', []],
  ])('of %s is decoded once for all waits, streams and listeners', async (_, args) => {
    const { codec, decoded } = counting(parsed)
    const { events, transport } = start({}, { codec })
    const heard: unknown[] = []
    await events.listen('report', (id, ...rest) => heard.push(rest))
    const streams = [events.stream('report', 1), events.stream('report', 1)]
    const waits = Array.from({ length: 1000 }, () => events.on('report', 1))
    transport.deliver(key, args)
    const got = await Promise.all(waits)
    expect(new Set(got).size).toBe(1000)
    for (const one of [got[0], got[999], heard[0], (await streams[0]!.next()).value]) expect(one).toEqual(args)
    expect(decoded()).toBe(1)
  })

  test.each([false, true])('of bytes is decoded once, and no two share them (Buffer: %s)', async (isBuffer) => {
    const bytes = (): Uint8Array => (isBuffer ? Buffer.from([1, 2, 3]) : new Uint8Array([1, 2, 3]))
    const { codec, decoded } = counting(() => [bytes(), 'text'])
    const { events, transport } = start({}, { codec })
    const waits = [events.on('report', 1), events.on('report', 1), events.on('report', 1)]
    transport.deliver(key, [])
    const [first, second, third] = (await Promise.all(waits)) as [Uint8Array, string][]
    first![0].fill(9)
    expect([second![0], third![0]]).toEqual([bytes(), bytes()])
    expect(second![0].constructor).toBe(bytes().constructor)
    expect(decoded()).toBe(1)
  })

  test.each<[string, unknown]>([
    ['an object', { rows: [1] }],
    ['an array', [[1]]],
  ])('that holds %s is decoded for each: no two share it', async (_, value) => {
    const { codec, decoded } = counting(parsed)
    const { events, transport } = start({}, { codec })
    const waits = [events.on('report', 1), events.on('report', 1), events.on('report', 1)]
    transport.deliver(key, ['text', value])
    const got = await Promise.all(waits)
    expect(new Set(got.map(([, own]) => own as unknown)).size).toBe(3)
    expect(decoded()).toBe(3)
  })

  test('that was kept is decoded once', async () => {
    const { codec, decoded } = counting(parsed)
    const { events, transport } = start({ keeper: true }, { codec, keep: 60_000 })
    transport.keep(key, eventOf(['kept']))
    expect(await Promise.all([1, 2, 3].map(() => events.on('report', 1)))).toEqual([['kept'], ['kept'], ['kept']])
    expect(decoded()).toBe(1)
  })

  test('is no burden to one alone', async () => {
    const made = [new Uint8Array([1])]
    const { codec } = counting(() => made)
    const { events, transport } = start({}, { codec })
    const wait = events.on('report', 1)
    transport.deliver(key, [])
    expect((await wait)[0]).toBe(made[0])
  })

  test('that is a failure is parsed once, and again where its data could be shared', async () => {
    const parse = jest.spyOn(JSON, 'parse')
    try {
      for (const [data, times] of [
        ['text', 1],
        [{ rows: [] }, 3],
      ] as const) {
        const { events, transport } = start()
        const waits = [1, 2, 3].map(() => rejection(events.on('report', 1)))
        await settle()
        const message = failureOf({ name: 'RangeError', message: 'no', data })
        parse.mockClear()
        transport.receiver.deliver(key, message)
        expect(parse).toHaveBeenCalledTimes(times)
        const errors = await Promise.all(waits)
        for (const error of errors) expect(error).toMatchObject({ code: 'ERR_REMOTE', data })
        expect(new Set(errors).size).toBe(3)
        if (times === 3) expect(errors[0].data).not.toBe(errors[1].data)
      }
    } finally {
      parse.mockRestore()
    }
  })
})
