import { inspect } from 'node:util'
import * as core from 'server-events'
import { errorTable } from '../src/errors'
import { rejection, start } from './support/harness'

type Core = typeof core

/** Another copy of the package, as two versions in one tree would bring. */
function otherCopy(): Core {
  let copy: Core | undefined
  jest.isolateModules(() => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- a second copy of what is imported above
    copy = require('server-events') as Core
  })
  return copy!
}

const details = { event: 'report', id: '1', timeout: 5, subscribed: true, disconnected: 0, recalled: 'never' } as const
const failure = { event: 'report', id: '1', remoteName: 'RangeError', message: 'no disk' }

const made = (from: Core): Record<string, Error> => ({
  TimeoutError: new from.TimeoutError(details),
  RemoteError: new from.RemoteError(failure),
  ...Object.fromEntries(
    (
      [
        'ClosedError',
        'ConnectionError',
        'AuthError',
        'ForbiddenError',
        'InvalidArgumentError',
        'SerializationError',
        'ValidationError',
        'PayloadTooLargeError',
        'TooManyWaitsError',
        'UncertainError',
        'NotKeptError',
        'AlreadySettledError',
        'OverflowError',
        'SealError',
        'UnsupportedError',
        'UnwantedError',
      ] as const
    ).map((name) => [name, new from[name]('what to do')]),
  ),
})

const names = Object.keys(made(core))

describe('the table', () => {
  test('has every class that is exported, each with a code of its own', () => {
    const exported = Object.keys(core).filter((name) => name.endsWith('Error') && name !== 'ServerEventsError')
    expect(Object.keys(errorTable).sort()).toEqual(exported.sort())
    expect([...names].sort()).toEqual(exported)
    const codes = Object.values(errorTable).map(({ class: { code } }) => code)
    expect(new Set(codes).size).toBe(codes.length)
  })

  test.each(names)('%s: the code is ERR_ and its name in upper snake case without Error', (name) => {
    const row = errorTable[name as keyof typeof errorTable]
    const words = name.replace(/Error$/, '').match(/[A-Z][a-z]+/g)!
    expect(row.class.code).toBe(`ERR_${words.join('_').toUpperCase()}`)
    expect(row.class).toBe(core[name as keyof Core])
    expect(row.meaning).toMatch(/^.+\.$/)
  })
})

describe.each(names)('%s', (name) => {
  const error = made(core)[name]!

  test('is an Error of ours, with its name in the stack and its code', () => {
    expect(error).toBeInstanceOf(Error)
    expect(error).toBeInstanceOf(core.ServerEventsError)
    expect(error.name).toBe(name)
    expect(error.stack).toMatch(new RegExp(`^${name}: `))
    expect(error).toMatchObject({ code: errorTable[name as keyof typeof errorTable].class.code })
    expect(Object.keys(error)).not.toContain('name')
  })

  test('instanceof holds across two installed copies, and for its own class only', () => {
    const other = otherCopy()
    expect(other.ServerEventsError).not.toBe(core.ServerEventsError)
    const foreign = made(other)[name]!
    expect(Object.getPrototypeOf(foreign)).not.toBe(Object.getPrototypeOf(error))
    expect(foreign).toBeInstanceOf(core.ServerEventsError)
    for (const className of names) {
      const constructor = core[className as keyof Core] as unknown as new () => Error
      expect([className, foreign instanceof constructor]).toEqual([className, className === name])
      expect([className, error instanceof constructor]).toEqual([className, className === name])
    }
  })
})

test('what is no error of ours is an instance of none, whatever its code', () => {
  const foreign = Object.assign(new Error('out of time'), { code: 'ERR_TIMEOUT' })
  for (const value of [foreign, { code: 'ERR_TIMEOUT' }, null, undefined, 'ERR_TIMEOUT', 5]) {
    expect(value instanceof core.TimeoutError).toBe(false)
    expect(value instanceof core.ServerEventsError).toBe(false)
  }
})

test("a user's own subclass is told from its base", () => {
  class MyTimeout extends core.TimeoutError {}
  expect(new MyTimeout(details)).toBeInstanceOf(MyTimeout)
  expect(new MyTimeout(details)).toBeInstanceOf(core.TimeoutError)
  expect(new core.TimeoutError(details)).not.toBeInstanceOf(MyTimeout)
})

test('TimeoutError has the numbers as properties and in the message', () => {
  const error = new core.TimeoutError({ ...details, timeout: 1234, disconnected: 567, recalled: 'unanswered' })
  expect(error).toMatchObject({ event: 'report', id: '1', timeout: 1234, subscribed: true, disconnected: 567 })
  for (const part of ['"report"', '"1"', '1234 ms', '567 ms', 'did not answer']) expect(error.message).toContain(part)
})

test('ConnectionError says that nothing was sent', () => {
  expect(new core.ConnectionError('refused')).toMatchObject({ sent: false })
})

test('no error shows a payload or what hangs on a client error, however deeply it is inspected', async () => {
  const { events, transport, told } = start({ manual: ['publish', 'connect', 'subscribe'] })
  const client = (code?: string): Error =>
    Object.assign(new Error(code === undefined ? 'AUTH password' : 'as told'), {
      ...(code === undefined ? {} : { code }),
      command: { name: 'auth', args: ['password'] },
      cause: Object.assign(new Error('PUBLISH payload'), { password: 'password' }),
    })
  const errors: unknown[] = []
  for (const code of [undefined, 'ERR_CONNECTION', 'ERR_UNCERTAIN', 'ERR_AUTH', 'NOAUTH']) {
    const emit = events.emit('report', 1, 'payload')
    transport.publishes.last.reject(client(code))
    errors.push(await rejection(emit))
    const wait = events.on('report', 1)
    transport.subscribes.last.reject(client(code))
    errors.push(await rejection(wait))
    const init = events.init()
    await Promise.resolve()
    transport.connects.last.reject(client(code))
    errors.push(await rejection(init))
    transport.error('inputStore', client(code))
  }
  const everything = [...errors, ...told, events.stats()]
  const seen = inspect(everything, { depth: Infinity, showHidden: true }) + JSON.stringify(everything)
  expect(errors).toHaveLength(15)
  expect(seen).not.toMatch(/password|payload/)
})

test('a cause of ours is passed on', async () => {
  const { events, transport } = start({ manual: ['publish'] })
  const emit = events.emit('report', 1)
  const cause = new core.ConnectionError('refused at db:6379')
  transport.publishes.last.reject(new core.UncertainError('no answer', { cause }))
  expect(await rejection(emit)).toMatchObject({ code: 'ERR_UNCERTAIN', cause: { message: 'refused at db:6379' } })
})
