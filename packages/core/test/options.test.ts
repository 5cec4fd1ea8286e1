import { ServerEvents } from 'server-events'
import { rejection, settle, start } from './support/harness'
import { ScriptedTransport } from './support/scripted-transport'

const invalid = (part: string | RegExp) =>
  expect.objectContaining({
    code: 'ERR_INVALID_ARGUMENT',
    message: typeof part === 'string' ? expect.stringContaining(part) : expect.stringMatching(part),
  })

const construct = (options: any) => () => new ServerEvents(new ScriptedTransport({ keeper: true }), options)

const badDurations: [string, unknown][] = [
  ['0', 0],
  ['-1', -1],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['a string', '5'],
  ['null', null],
  ['a bigint', 5n],
]
const badTexts: [string, unknown][] = [
  ['empty', ''],
  ['a lone surrogate', 'a\ud800'],
  ['over 512 bytes', 'x'.repeat(513)],
  ['over 512 bytes of UTF-8', '€'.repeat(171)],
]

describe('the constructor', () => {
  test.each([undefined, null, {}, { publish: () => {} }, 'redis://localhost'])(
    'refuses %p as a transport',
    (wrong: any) => {
      expect(() => new ServerEvents(wrong)).toThrow(invalid('transport'))
    },
  )

  test.each([null, 5, 'options'])('refuses %p as options', (wrong) => {
    expect(construct(wrong)).toThrow(invalid('options'))
  })

  test('refuses unknown options, and says which there are', () => {
    expect(construct({ timeOut: 5 })).toThrow(invalid(/timeOut.*\btimeout\b.*\bkeep\b.*\blisten\b/))
  })

  test.each(['timeout', 'keep', 'initTimeout', 'backstop'])(
    'refuses %s that is no positive, finite number',
    (option) => {
      for (const [, wrong] of badDurations) expect(construct({ [option]: wrong })).toThrow(invalid(option))
    },
  )

  test.each(['maxPayload', 'maxPending'])('refuses %s that is no positive integer', (option) => {
    for (const [, wrong] of [...badDurations, ['1.5', 1.5]]) {
      expect(construct({ [option]: wrong })).toThrow(invalid(option))
    }
  })

  test.each([
    ['keep of a name', { keep: { report: 0 } }, '"report"'],
    ['keep of a bad name', { keep: { '': 5 } }, 'name'],
    ['listen that is no array', { listen: 'report' }, 'listen'],
    ['listen with a bad name', { listen: [''] }, 'name'],
    ['codec without decode', { codec: { encode: () => '' } }, 'codec'],
    ['headers that are no function', { headers: {} }, 'headers'],
  ])('refuses %s', (_, options, part) => {
    expect(construct(options)).toThrow(invalid(part))
  })

  test('refuses keep on a transport without a keeper', () => {
    expect(() => new ServerEvents(new ScriptedTransport(), { keep: 5 })).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED' }),
    )
  })

  test('takes undefined for an option that is not given', async () => {
    const { events } = start({}, { timeout: undefined, listen: undefined, keep: undefined } as object)
    expect(events.timeout).toBe(10_000)
    await events.emit('report', 1)
  })

  test('keep by name: names of Object.prototype are names like others', async () => {
    const { events, transport } = start({ keeper: true }, { keep: { report: 5 } })
    await events.emit('constructor', 1)
    await events.emit('__proto__', 1)
    expect(transport.log).toEqual(['publish constructor:1', 'publish __proto__:1'])
  })
})

describe('names and ids', () => {
  const calls: Record<string, (events: ServerEvents, name: any, id: any) => Promise<unknown>> = {
    on: (events, name, id) => events.on(name, id),
    emit: (events, name, id) => events.emit(name, id),
    fail: (events, name, id) => events.fail(name, id, new Error('failed')),
    peek: (events, name, id) => events.peek(name, id),
    forget: (events, name, id) => events.forget(name, id),
    listen: (events, name) => events.listen(name),
  }

  test.each(Object.keys(calls))('%s refuses what is no name or id, before anything is sent', async (method) => {
    const { events, transport } = start({ keeper: true })
    const call = calls[method]!
    for (const [, wrong] of [...badTexts, ['a number', 5], ['undefined', undefined], ['an object', {}]]) {
      expect(await rejection(call(events, wrong, 1))).toEqual(invalid('name'))
    }
    if (method !== 'listen') {
      for (const [, wrong] of [...badTexts, ['NaN', NaN], ['Infinity', Infinity], ['null', null], ['an object', {}]]) {
        expect(await rejection(call(events, 'report', wrong))).toEqual(invalid('id'))
      }
    }
    await settle()
    expect(transport.log).toEqual([])
    expect(events.stats()).toMatchObject({ pending: 0, names: 0, queued: 0 })
  })

  test('may be anything else, up to 512 bytes of UTF-8', async () => {
    const { events, transport } = start()
    const texts = [' ', ': * ? [ ] { } % \\ \n \t \0', '😀', '__proto__', 'x'.repeat(512), '€'.repeat(170), '0']
    for (const text of texts) {
      const wait = events.on(text, text)
      await events.emit(text, text, text)
      expect(await wait).toEqual([text])
    }
    expect(transport.publishes.calls.map(({ asked: { key } }) => key)).toEqual(
      texts.map((text) => ({ name: text, id: text })),
    )
  })

  test('do not appear whole in a message when they are long', async () => {
    const { events } = start()
    const error = await rejection(events.on('n'.repeat(512), 'i'.repeat(512), 1))
    expect(error).toMatchObject({ event: 'n'.repeat(512), id: 'i'.repeat(512) })
    expect(error.message.length).toBeLessThan(400)
  })
})

describe('options of a wait', () => {
  test.each(badDurations)('a timeout of %s is refused', async (_, wrong: any) => {
    const { events } = start()
    expect(await rejection(events.on('report', 1, { timeout: wrong }))).toEqual(invalid('timeout'))
    if (typeof wrong === 'number') expect(await rejection(events.on('report', 1, wrong))).toEqual(invalid('timeout'))
    else expect(await rejection(events.on('report', 1, wrong))).toEqual(invalid('options'))
  })

  test('a fraction of a ms is rounded up', async () => {
    const { events } = start()
    expect(await rejection(events.on('report', 1, 0.001))).toMatchObject({ timeout: 1 })
    expect(await rejection(events.on('report', 1, { timeout: 1.5 }))).toMatchObject({ timeout: 2 })
  })

  test.each([
    ['an unknown option', { timeOut: 5 }, 'timeOut'],
    ['a signal that is none', { signal: {} }, 'signal'],
    ['recall that is no boolean', { recall: 1 }, 'recall'],
  ])('%s is refused', async (_, options: any, part) => {
    const { events } = start()
    expect(await rejection(events.on('report', 1, options))).toEqual(invalid(part))
    expect(events.stats()).toMatchObject({ pending: 0, names: 0 })
  })

  test('the timeout of the instance holds for the waits that come later', async () => {
    const { events } = start({}, { timeout: 15 })
    const first = events.on('report', 1)
    events.timeout = 25
    expect(await rejection(first)).toMatchObject({ timeout: 15 })
    expect(await rejection(events.on('report', 1, {}))).toMatchObject({ timeout: 25 })
  })
})

test.each([...badDurations.filter(([, value]) => value !== 0)])(
  'a timeout of the instance set to %s throws',
  (_, wrong: any) => {
    const { events } = start()
    expect(() => (events.timeout = wrong)).toThrow(invalid('timeout'))
  },
)

test.each([
  ['a negative drain', { drain: -1 }],
  ['NaN', { drain: NaN }],
  ['Infinity', { drain: Infinity }],
  ['a string', { drain: '5' }],
  ['an unknown option', { wait: 5 }],
  ['no object', 5],
])('close refuses %s, and does not close', async (_, wrong: any) => {
  const { events, transport } = start()
  expect(await rejection(events.close(wrong))).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  await events.emit('report', 1)
  expect(transport.closes.count).toBe(0)
})

test('onready, onerror and listen refuse a listener that is no function', async () => {
  const { events } = start()
  expect(() => events.onready(5 as any)).toThrow(invalid('onready'))
  expect(() => events.onerror(undefined as any)).toThrow(invalid('onerror'))
  expect(await rejection(events.listen('report', 5 as any))).toEqual(invalid('listen'))
})
