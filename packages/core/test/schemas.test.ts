import { eventually } from '@server-events/testing'
import { type } from 'arktype'
import { ServerEvents } from 'server-events'
import type { Codec, StandardSchemaV1 } from 'server-events'
import * as v from 'valibot'
import * as z from 'zod'
import { rejection, settle, start } from './support/harness'
import type { Started } from './support/harness'
import { eventOf, ScriptedTransport } from './support/scripted-transport'

const key = { name: 'report', id: '1' }

/** The same in three libraries: a text, and a number that travels as text. */
const libraries: Record<string, StandardSchemaV1<any, any>> = {
  zod: z.tuple([z.string().min(3), z.string().regex(/^\d+$/).transform(Number)]),
  valibot: v.tuple([v.pipe(v.string(), v.minLength(3)), v.pipe(v.string(), v.digits(), v.transform(Number))]),
  arktype: type(['string >= 3', 'string.integer.parse']),
}

const withSchema = (schema: unknown, scripted: object = {}, more: object = {}): Started =>
  start(scripted, { schemas: { report: schema as StandardSchemaV1<any[]> }, ...more })

/** A schema that does what it is told. */
const answering = (validate: (args: any) => unknown): StandardSchemaV1<any, any> => ({
  '~standard': { version: 1, vendor: 'test', validate: validate as never },
})

const codes = ({ told }: Started): string[] => told.map(({ error }) => error.code)

describe.each(Object.entries(libraries))('with a schema of %s', (_, schema) => {
  test('emit sends the args as given, and waits, streams and listeners get what the schema makes of them', async () => {
    const { events, transport } = withSchema(schema)
    const heard: unknown[] = []
    await events.listen('report', (id, ...args) => heard.push([id, ...args]))
    const stream = events.stream('report', 1)
    const wait = events.on('report', 1)
    await events.emit('report', 1, 'abc', '42')
    expect(transport.publishes.last.asked.message.body).toBe('["abc","42"]')
    expect(await wait).toEqual(['abc', 42])
    expect((await stream.next()).value).toEqual(['abc', 42])
    expect(heard).toEqual([['1', 'abc', 42]])
  })

  test('emit refuses what does not validate, says where and shows no value', async () => {
    const started = withSchema(schema)
    const { events, transport } = started
    const [secret, number] = ['hunter2', 4_711_815]
    const error = await rejection(events.emit('report', 1, number, secret))
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', name: 'ValidationError' })
    expect(error.issues.map(({ path }: any) => path)).toEqual([[0], [1]])
    expect(error.message).toMatch(/^the args of event "report" do not validate: \[0\]: .+; \[1\]: .+/)
    for (const { message } of error.issues) expect(message.length).toBeGreaterThan(8)
    for (const text of [error.message, JSON.stringify(error.issues)]) {
      expect(text).not.toContain(secret)
      expect(text).not.toContain(String(number))
    }
    expect(transport.publishes.count).toBe(0)
    expect(started.told).toEqual([{ store: 'inputStore', error }])
  })

  test('what does not validate where it arrives is told once and dropped, and who waits waits on', async () => {
    const started = withSchema(schema)
    const { events, transport } = started
    const heard: unknown[] = []
    await events.listen('report', (_, ...args) => heard.push(args))
    const stream = events.stream('report', 1)
    const wait = events.on('report', 1)
    for (let times = 0; times < 3; times++) transport.deliver(key, ['hunter2', 'hunter2'])
    transport.deliver(key, ['abc', '42'])
    expect(await wait).toEqual(['abc', 42])
    expect((await stream.next()).value).toEqual(['abc', 42])
    expect(heard).toEqual([['abc', 42]])
    expect(started.told).toEqual([{ store: 'outputStore', error: expect.objectContaining({ code: 'ERR_VALIDATION' }) }])
    const { error } = started.told[0]!
    expect(error.message).toMatch(/^a message of event "report" was dropped: its args do not validate: \[1\]: /)
    expect(error.message).not.toContain('hunter2')
  })

  test('what is kept is validated as well: recalled and peeked at', async () => {
    const started = withSchema(schema, { keeper: true }, { keep: 60_000 })
    const { events, transport } = started
    transport.keep(key, eventOf(['abc', '42']))
    expect(await events.on('report', 1)).toEqual(['abc', 42])
    expect(await events.peek('report', 1)).toEqual(['abc', 42])
    transport.keep(key, eventOf(['abc', 'none']))
    expect(await rejection(events.peek('report', 1))).toMatchObject({ code: 'ERR_VALIDATION' })
    // On a busy machine the time may be up before the answer is read.
    await eventually(async () => {
      const error = await rejection(events.on('report', 1, 60))
      expect(error).toMatchObject({ code: 'ERR_TIMEOUT', recalled: 'answered' })
    })
    expect(codes(started)).toEqual(['ERR_VALIDATION'])
  })
})

test('a transform runs once, and nobody shares what it makes', async () => {
  let runs = 0
  const transform = z.tuple([z.string().transform((text) => ({ text, run: ++runs }))])
  const { events, transport } = withSchema(transform)
  const waits = [events.on('report', 1), events.on('report', 1)]
  transport.deliver(key, ['a'])
  const [[first], [second]] = (await Promise.all(waits)) as [any[], any[]]
  expect([first, second]).toEqual([
    { text: 'a', run: 1 },
    { text: 'a', run: 2 },
  ])
})

test('a failure is not validated, nor is a name without a schema', async () => {
  const { events, transport, told } = withSchema(z.tuple([z.string()]))
  const [failed, other] = [rejection(events.on('report', 1)), events.on('other', 1)]
  await events.fail('report', 1, new Error('no'))
  await events.emit('other', 1, 5)
  expect(await failed).toMatchObject({ code: 'ERR_REMOTE' })
  expect(await other).toEqual([5])
  transport.deliver({ name: 'toString', id: '1' }, [])
  expect(told).toEqual([])
})

test('what is validated is what the codec made', async () => {
  const dates: Codec = {
    encode: ([date]) => String((date as Date).getTime()),
    decode: (body) => [new Date(Number(body))],
  }
  const { events } = withSchema(z.tuple([z.date()]), {}, { codec: dates })
  const wait = events.on('report', 1)
  await events.emit('report', 1, new Date(5))
  expect(await wait).toEqual([new Date(5)])
})

describe('a schema that answers with a promise', () => {
  const cases: [string, StandardSchemaV1<any, any>][] = [
    ['zod', z.tuple([z.string().refine(() => Promise.resolve(true))])],
    ['valibot', v.tupleAsync([v.string()])],
    ['one that rejects', answering(() => Promise.reject(new Error('late')))],
  ]
  test.each(cases)('is refused with UnsupportedError, at emit and where an event arrives (%s)', async (_, schema) => {
    const started = withSchema(schema)
    const { events, transport } = started
    expect(await rejection(events.emit('report', 1, 'a'))).toMatchObject({ code: 'ERR_UNSUPPORTED' })
    const wait = rejection(events.on('report', 1, 50))
    transport.deliver(key, ['a'])
    transport.deliver(key, ['a'])
    expect(await wait).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(codes(started)).toEqual(['ERR_UNSUPPORTED', 'ERR_UNSUPPORTED'])
    await settle()
  })
})

describe('a schema that misbehaves', () => {
  const secret = 'hunter2'
  const cases: [string, StandardSchemaV1<any, any>][] = [
    [
      'throws',
      answering(() => {
        throw new RangeError(secret)
      }),
    ],
    ['throws no error', answering(() => Promise.resolve().then.call(undefined))],
    ['answers with nothing', answering(() => undefined)],
    ['answers with something else', answering(() => ({ success: true }))],
  ]
  test.each(cases)('%s: is an error that is told, never a crash', async (_, schema) => {
    const started = withSchema(schema)
    const { events, transport } = started
    const error = await rejection(events.emit('report', 1, secret))
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', issues: [] })
    expect(error.message).not.toContain(secret)
    transport.deliver(key, [secret])
    await events.listen('report', () => {})
    transport.deliver(key, [secret])
    expect(codes(started)).toEqual(['ERR_VALIDATION', 'ERR_VALIDATION'])
  })

  test('makes no args: is told where they arrive', async () => {
    const started = withSchema(z.tuple([z.string()]).transform(([text]) => text))
    await started.events.listen('report', () => {})
    await started.events.emit('report', 1, 'a')
    await settle()
    expect(codes(started)).toEqual(['ERR_VALIDATION'])
  })
})

describe('the message of a ValidationError', () => {
  const saying = (...issues: { message: string; path?: any[] }[]): StandardSchemaV1<any, any> =>
    answering(() => ({ issues }))
  const said = async (schema: StandardSchemaV1<any, any>, ...args: unknown[]): Promise<any> =>
    rejection(withSchema(schema).events.emit('report', 1, ...args))

  test('has the paths of the issues, in every form of them, and tells five', async () => {
    const paths = [undefined, [0], [{ key: 1 }, { key: 'url' }], ['rest', 2, Symbol('tag')], [3], [4], [5]]
    const { message, issues } = await said(saying(...paths.map((path) => ({ message: 'no', ...(path && { path }) }))))
    expect(message).toBe(
      'the args of event "report" do not validate: ' +
        'args: no; [0]: no; [1].url: no; .rest[2].Symbol(tag): no; [3]: no; and 2 more',
    )
    expect(issues).toHaveLength(7)
  })

  test.each([
    ['a text', 'hunter2', 'received "hunter2"', 'received "…"'],
    ['a text with quotes', 'a "b"', 'received "a \\"b\\""', 'received "…"'],
    ['a text of signs of regular expressions', 'a.*(b', 'received a.*(b', 'received …'],
    ['a number', 4711, 'must be less than 10 (was 4711)', 'must be less than 10 (was …)'],
    ['a bigint', 4711n, 'was 4711n and 4711', 'was 4711n and …'],
    ['a boolean', true, 'was true', 'was …'],
    ['what lies deeper', { a: [new Map([['k', new Set(['deep'])]])] }, 'holds deep', 'holds …'],
    ['a short text', 'a', 'expected a number, received "a"', 'expected … number, received "…"'],
    ['a text within another', ['abc', 'abc def'], 'was abc def', 'was …'],
    ['a date', new Date(0), 'was 1970-01-01T00:00:00.000Z', 'was …'],
    ['a date that is none', new Date(NaN), 'was Invalid Date', 'was …'],
    ['very many values', Array.from({ length: 2000 }, (_, n) => `v${n}`), 'was v1', 'not valid'],
    ['very much text', 1, 'x'.repeat(1000), `${'x'.repeat(200)}…`],
  ])('does not show %s', async (_, value, message, told) => {
    expect((await said(saying({ message }), value)).issues[0].message).toBe(told)
  })

  test('is made of args that hold themselves, too', async () => {
    const cyclic: any = { secret: 'hunter2' }
    cyclic.self = cyclic
    expect((await said(saying({ message: 'was hunter2' }), cyclic)).issues[0].message).toBe('was …')
  })

  test('a long list of issues is bounded, and so are keys that the sender made', async () => {
    const issues = Array.from({ length: 1000 }, () => ({ message: 'no', path: ['k'.repeat(100_000)] }))
    const error = await said(saying(...issues))
    expect(error.issues).toHaveLength(20)
    expect(error.message).toContain('and 995 more')
    expect(error.message.length).toBeLessThan(1000)
  })

  test('shows nothing of args that cannot be walked', async () => {
    const throwing = Object.defineProperty({}, 'secret', { enumerable: true, get: thrower })
    expect((await said(saying({ message: 'was hunter2' }), throwing)).issues[0].message).toBe('not valid')
  })

  test('nor a message that is too long to look through', async () => {
    const { issues } = await said(saying({ message: `${'x'.repeat(5000)} hunter2` }), 'hunter2')
    expect(issues[0].message).toBe('not valid')
  })

  function thrower(): never {
    throw new RangeError('hunter2')
  }
})

describe('option schemas', () => {
  test.each([
    ['no object', 5],
    ['null', null],
    ['a value that is no schema', { report: {} }],
    ['a tuple', { report: ['a'] }],
    ['a schema without validate', { report: { '~standard': {} } }],
    ['an empty name', { '': z.tuple([]) }],
  ])('refuses %s', (_, schemas) => {
    const make = (): unknown => new ServerEvents(new ScriptedTransport(), { schemas: schemas as never })
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })

  test('leaves out what is undefined', async () => {
    const { events } = withSchema(undefined)
    await events.emit('report', 1, 'anything')
  })
})
