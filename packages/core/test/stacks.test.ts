import { runChild } from './support/child'
import { settle, start } from './support/harness'
import type { Started } from './support/harness'
import { failureOf } from './support/scripted-transport'

/** The line below the call. */
function nextLine(): number {
  const frame = new Error().stack!.split('\n')[2]!
  return Number(/stacks\.test\.ts:(\d+)/.exec(frame)![1]) + 1
}

interface Caught {
  readonly error: any
  readonly line: number
}

/** How a wait or an emit is awaited. */
const ways: Record<string, (make: () => Promise<unknown>) => Promise<Caught>> = {
  async await(make) {
    let line = 0
    async function awaitingFunction(): Promise<void> {
      const promise = make()
      line = nextLine()
      await promise
    }
    return { error: await caught(awaitingFunction()), line }
  },
  async 'return await'(make) {
    let line = 0
    async function awaitingFunction(): Promise<unknown> {
      const promise = make()
      line = nextLine()
      return await promise
    }
    return { error: await caught(awaitingFunction()), line }
  },
  async 'Promise.all'(make) {
    let line = 0
    async function awaitingFunction(): Promise<void> {
      const promises = [Promise.resolve(1), make()]
      line = nextLine()
      await Promise.all(promises)
    }
    return { error: await caught(awaitingFunction()), line }
  },
}

async function caught(work: Promise<unknown>): Promise<any> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('it did not reject')
}

/** What makes a promise reject later, with which error. */
const failures: Record<string, (started: Started) => Promise<unknown>> = {
  TimeoutError: ({ events }) => events.on('report', 1, 5),
  RemoteError: ({ events, transport }) => {
    const wait = events.on('report', 1)
    later(() => transport.deliverFailure({ name: 'report', id: '1' }, { name: 'RangeError', message: 'no disk' }))
    return wait
  },
  ClosedError: ({ events }) => {
    const wait = events.on('report', 1)
    later(() => void events.close())
    return wait
  },
  ForbiddenError: ({ events, transport }) => {
    const wait = events.on('report', 1)
    later(() => transport.lost({ name: 'report' }, Object.assign(new Error('no'), { code: 'ERR_FORBIDDEN' })))
    return wait
  },
  UncertainError: ({ events, transport }) => {
    transport.publishes.manual = true
    const emit = events.emit('report', 1)
    later(() => transport.publishes.last.reject(new Error('unknown')))
    return emit
  },
  // One that was held for a subscription in flight.
  NotKeptError: ({ events, transport }) => {
    transport.subscribes.manual = true
    transport.publishes.manual = true
    void events.on('report', 1)
    const emit = events.emit('report', 1)
    later(async () => {
      transport.subscribes.last.resolve()
      await settle()
      transport.publishes.last.reject(Object.assign(new Error('no'), { code: 'ERR_NOT_KEPT' }))
    })
    return emit
  },
  // One of several that the transport settles with one promise.
  PayloadTooLargeError: ({ events, transport }) => {
    const shared = settle().then(() =>
      Promise.reject(Object.assign(new Error('no'), { code: 'ERR_PAYLOAD_TOO_LARGE' })),
    )
    transport.publish = () => shared
    void events.emit('report', 1)
    const emit = events.emit('report', 2)
    void events.emit('report', 3)
    return emit
  },
  AuthError: ({ events, transport }) => {
    transport.connects.manual = true
    const init = events.init()
    later(() => transport.connects.last.reject(Object.assign(new Error('no'), { code: 'ERR_AUTH' })))
    return init
  },
  ConnectionError: ({ events, transport }) => {
    transport.recalls.manual = true
    const peek = events.peek('report', 1)
    later(() => transport.recalls.last.resolve([new Error('away')]))
    return peek
  },
  UnsupportedError: ({ events, transport }) => {
    transport.subscribes.manual = true
    const listening = events.listen('report')
    later(() => transport.subscribes.last.reject(Object.assign(new Error('no'), { code: 'ERR_UNSUPPORTED' })))
    return listening
  },
}

function later(work: () => unknown): void {
  void settle().then(work)
}

describe.each(Object.keys(failures))('the stack of a %s', (name) => {
  test.each(Object.keys(ways))('names the line that awaits it (%s)', async (way) => {
    const started = start({ keeper: true })
    const { error, line } = await ways[way]!(() => failures[name]!(started))
    // The first frame, or the one behind those of Node's timers and of Promise.all. With source maps jest leaves out
    // the word async.
    const [first, ...frames] = (error.stack as string).split('\n')
    expect(first).toMatch(new RegExp(`^${name}: `))
    const own = frames.filter((frame) => !/Promise\.all \(index 1\)|node:internal/.test(frame))
    expect(own[0]).toMatch(new RegExp(`at (async )?awaitingFunction .*stacks\\.test\\.ts:${line}\\b`))
  })
})

test.each([
  ['on', (started: Started) => started.events.on('', 1)],
  ['emit', (started: Started) => started.events.emit('', 1)],
  ['a peek', (started: Started) => started.events.peek('', 1)],
])('the stack of a refused argument of %s names the caller', async (_, call) => {
  const error = await caught(call(start()))
  expect(error.stack).toMatch(/^InvalidArgumentError: .*\n(.*\n)*.*stacks\.test\.ts/)
})

test('two callers of one init each have their own line in the stack', async () => {
  const started = start({ manual: ['connect'] })
  const { await: awaiting, 'return await': returning } = ways
  const both = [awaiting!, returning!].map((way) => way(() => started.events.init()))
  await settle()
  started.transport.connects.last.reject(Object.assign(new Error('no'), { code: 'ERR_AUTH' }))
  for (const { error, line } of await Promise.all(both)) expect(error.stack).toContain(`stacks.test.ts:${line}`)
})

test('a wait that nobody awaits when it rejects says so in place of the line, also if nobody can read stacks', async () => {
  const { stackTraceLimit } = Error
  for (const limit of [stackTraceLimit, 1, 0]) {
    const { events } = start()
    Error.stackTraceLimit = limit
    const wait = events.on('report', 1, 5)
    while (events.stats().pending > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await settle()
    const error = await caught(wait)
    expect(Error.stackTraceLimit).toBe(limit)
    Error.stackTraceLimit = stackTraceLimit
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT' })
    if (limit === 0) expect(error.stack).toBe(`TimeoutError: ${error.message}`)
    else
      expect(error.stack).toMatch(
        /^TimeoutError: no event .*\n    at a promise that nobody awaited when it was rejected/,
      )
  }
})

test('so does one behind which other callbacks come in its turn: Node runs its reactions by frames of its own', async () => {
  const { events, transport } = start()
  const wait = events.on('report', 1)
  await settle()
  setImmediate(() =>
    transport.receiver.deliver({ name: 'report', id: '1' }, failureOf({ name: 'Error', message: 'no' })),
  )
  setImmediate(() => {})
  while (events.stats().pending > 0) await settle()
  await settle()
  expect((await caught(wait)).stack).toMatch(/\n {4}at a promise that nobody awaited when it was rejected/)
})

test('to see whether there is such a line, no stack is made into text, which with source maps takes long', async () => {
  const { prepareStackTrace } = Error
  let made = 0
  Error.prepareStackTrace = (error) => {
    made++
    return String(error)
  }
  const { events } = start()
  try {
    await Promise.allSettled([events.on('report', 1, 5)])
    expect(made).toBe(0)
  } finally {
    Error.prepareStackTrace = prepareStackTrace
  }
})

test("an abort's reason is passed on untouched, its stack too", async () => {
  const { events } = start()
  const controller = new AbortController()
  const wait = events.on('report', 1, { signal: controller.signal })
  const reason = new (class MyError extends Error {})('shutting down')
  const { stack } = reason
  controller.abort(reason)
  expect(await caught(wait)).toBe(reason)
  expect(reason.stack).toBe(stack)
})

test('also if it is an error of this library', async () => {
  const { events } = start()
  const controller = new AbortController()
  const wait = events.on('report', 1, { signal: controller.signal })
  const reason = await caught(events.on('report', 2, 1))
  const { stack } = reason as Error
  controller.abort(reason)
  expect(await caught(wait)).toBe(reason)
  expect((reason as Error).stack).toBe(stack)
})

describe('orphans', () => {
  const orphan = (body: string): Promise<{ lines: readonly string[]; code: number; stderr: string }> =>
    runChild(`
      process.on('unhandledRejection', (error) => say('unhandled ' + error.code))
      async function main() {
        const transport = new ScriptedTransport({ keeper: true })
        const events = new ServerEvents(transport)
        events.onerror(() => {})
        const reject = (code) => Promise.reject(Object.assign(new Error('no'), { code }))
        ;${body}
        await tick()
        await tick()
        say('sentinel')
        await events.close()
      }
      main()
    `)

  test.each([
    ['timeout', "events.on('report', 1, 1); await events.on('report', 2, 20).catch(() => {})"],
    ['failure', "events.on('report', 1); await events.fail('report', 1, new Error('failed'))"],
    ['abort', "const c = new AbortController(); events.on('report', 1, { signal: c.signal }); c.abort()"],
    ['aborted signal', "events.on('report', 1, { signal: AbortSignal.abort() })"],
    ['bad argument', "events.on('', 1); events.emit('', 1); events.fail('', 1, 'x')"],
    ['refusal', "transport.subscribe = () => reject('ERR_FORBIDDEN'); events.on('report', 1)"],
    ['close', "events.on('report', 1); await events.close()"],
    [
      'closed instance',
      "await events.close(); events.on('report', 1); events.emit('report', 1); events.fail('report', 1)",
    ],
    ['emit', "transport.publish = () => reject('ERR_CONNECTION'); events.emit('report', 1)"],
    [
      'held emit',
      "transport.subscribe = async () => { await tick() }; transport.publish = () => reject('ERR_CONNECTION'); " +
        "events.on('report', 1, 5).catch(() => {}); events.emit('report', 1)",
    ],
    [
      'emits that share a promise',
      "const shared = tick().then(() => reject('ERR_CONNECTION')); transport.publish = () => shared; " +
        "events.emit('report', 1); events.emit('report', 2)",
    ],
    ['fail', "transport.publish = () => reject('ERR_CONNECTION'); events.fail('report', 1, new Error('failed'))"],
    ['throwing transport', "transport.publish = () => { throw new Error('no') }; events.emit('report', 1)"],
    ['payload', "events.emit('report', 1, 1n)"],
  ])('an orphaned wait or emit never raises unhandledRejection (%s)', async (_, body) => {
    const { code, lines, stderr } = await orphan(body)
    expect({ code, lines, stderr }).toEqual({ code: 0, lines: ['sentinel'], stderr: '' })
  })

  test.each([
    [
      'then',
      "events.on('report', 1, 1).then(() => {}); await events.on('report', 2, 20).catch(() => {})",
      'ERR_TIMEOUT',
    ],
    [
      'finally',
      "transport.publish = () => reject('ERR_CONNECTION'); events.emit('report', 1).finally(() => {})",
      'ERR_CONNECTION',
    ],
    ['async function', "(async () => { await events.on('', 1) })()", 'ERR_INVALID_ARGUMENT'],
    ['init itself', "transport.connect = () => reject('ERR_AUTH'); events.init()", 'ERR_AUTH'],
    ['listen itself', "transport.subscribe = () => reject('ERR_AUTH'); events.listen('report')", 'ERR_AUTH'],
    [
      'peek itself',
      "transport.keeper.recall = async () => [new Error('away')]; events.peek('report', 1)",
      'ERR_CONNECTION',
    ],
    [
      'forget itself',
      "transport.keeper.forget = () => reject('ERR_CONNECTION'); events.forget('report', 1)",
      'ERR_CONNECTION',
    ],
  ])('what is derived from it does, and so does what is no wait or emit (%s)', async (_, body, code) => {
    const { lines } = await orphan(body)
    expect(lines).toEqual([`unhandled ${code}`, 'sentinel'])
  })
})
