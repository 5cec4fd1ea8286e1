import { AuthError, ConnectionError, InvalidArgumentError } from 'server-events'
import type { Receiver } from 'server-events'
import { ToyBroker } from '@server-events/testing'
import type { ToyClient } from '@server-events/testing'
import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub, ConformanceOptions } from '@server-events/conformance'
import { HonestTransport } from './honest-transport'
import { toyHub } from './toy-hub'

const honest = (): ConformanceHub => toyHub((client) => new HonestTransport(client))
const { connect } = honest()
const bare = (): ConformanceHub => ({ connect, close: () => {} })
const roundTrip = 'delivery: a transport hears its own messages'
const refusal = 'refusal: refused credentials: connect, publish and subscribe reject with AuthError, and again'

/** Title -> what would run, and what was registered as skipped. */
function register(options: Partial<ConformanceOptions>): {
  cases: Map<string, () => Promise<void>>
  skipped: string[]
} {
  const cases = new Map<string, () => Promise<void>>()
  const skipped: string[] = []
  const test = Object.assign((name: string, run: () => Promise<void>) => cases.set(name, run), {
    skip: (name: string) => skipped.push(name),
  })
  transportConformance({ test, createHub: honest, ...options })
  return { cases, skipped }
}

let warnings: string[]
beforeEach(() => {
  warnings = []
  jest.spyOn(process, 'emitWarning').mockImplementation((warning) => void warnings.push(String(warning)))
})
afterEach(() => jest.restoreAllMocks())

describe('options', () => {
  const createHub = honest
  test.each([
    [undefined, /needs option test/],
    [{}, /needs option test/],
    [{ test }, /needs option createHub/],
    [{ test: 'test', createHub }, /needs option test/],
    [{ test, createHub: honest() }, /needs option createHub/],
    [{ test, createHub, creathub: 1 }, /no option "creathub"/],
    [{ test, createHub, timeout: 0 }, /timeout must be an integer/],
    [{ test, createHub, timeout: 1.5 }, /timeout must be an integer/],
    [{ test, createHub, timeout: '5s' }, /timeout must be an integer/],
    [{ test, createHub, timeout: 2 ** 31 }, /timeout must be an integer/],
  ])('%p', (options, message) => {
    expect(() => transportConformance(options as any)).toThrow(InvalidArgumentError)
    expect(() => transportConformance(options as any)).toThrow(message)
  })
})

describe('what does not apply', () => {
  test('is registered as skipped, with the reason', () => {
    const all = register({})
    const { cases, skipped } = register({ createHub: bare })
    expect(cases.size + skipped.length).toBe(all.cases.size + all.skipped.length)
    expect(skipped).toContain(`${refusal} (skipped: the hub has no unauthorized())`)
    expect([...cases.keys()]).not.toContain(refusal)
  })

  test('is registered as a test that says so where the runner cannot skip', async () => {
    const cases = new Map<string, () => Promise<void>>()
    transportConformance({ test: (name, run) => cases.set(name, run), createHub: bare })
    await cases.get(`${refusal} (skipped: the hub has no unauthorized())`)!()
  })

  test.each([
    ['async', async () => Promise.resolve(bare())],
    ['not async, but gives a promise', () => Promise.resolve(bare())],
    ['not ready yet', notReadyAtFirst(bare)],
  ])('skips itself where createHub is %s', async (_, createHub) => {
    const { cases, skipped } = register({ createHub })
    expect(skipped).toEqual([])
    const run = cases.get(refusal)!
    const skip = jest.fn()
    await (run as (context: unknown) => Promise<void>)({ skip })
    await run.call({ skip })
    expect(skip.mock.calls).toEqual([['the hub has no unauthorized()'], ['the hub has no unauthorized()']])
    expect(warnings).toEqual([])
    // As jest calls it.
    await run.call({})
    expect(warnings).toEqual([`skipped: ${refusal}: the hub has no unauthorized()`])
  })
})

describe('hubs', () => {
  test('each case has one of its own, closed whatever happens', async () => {
    const closed = jest.fn()
    let hubs = 0
    const createHub = (): ConformanceHub => {
      hubs++
      return { ...honest(), close: closed }
    }
    const { cases } = register({ createHub })
    expect(hubs).toBe(1)
    for (const title of [roundTrip, refusal]) await cases.get(title)!()
    // One to see what applies, one to see whether it can be reached.
    expect(hubs).toBe(4)
    expect(closed).toHaveBeenCalledTimes(4)
  })

  test('what fails in a hub is not laid at the door of the transport', async () => {
    const hub = (change: Partial<ConformanceHub>) => ({ createHub: () => ({ ...honest(), ...change }) })
    const title = 'interruption: outputStore is up when the desired topics are restored'
    const interrupt = (): never => {
      throw new Error('no proxy')
    }
    await expect(register(hub({ interrupt })).cases.get(title)!()).rejects.toThrow(
      /^interrupt\(\) of the hub failed: Error: no proxy$/,
    )
    const close = (): Promise<void> => Promise.reject(new Error('will not stop'))
    await expect(register(hub({ close })).cases.get(roundTrip)!()).rejects.toThrow('will not stop')
  })
})

describe('a broker that cannot be reached', () => {
  const away = (): ConformanceHub => {
    const broker = new ToyBroker()
    broker.stop()
    return { connect: () => new HonestTransport(broker.client()), close: () => broker.end() }
  }

  test('the first case tells what Receiver.error was told, the others stop at once', async () => {
    let hubs = 0
    const { cases } = register({ createHub: () => (hubs++, away()), timeout: 50 })
    const ends = await Promise.allSettled([...cases.values()].map((run) => run()))
    const [first, ...others] = ends.map((end) => String((end as PromiseRejectedResult).reason))
    expect(first).toMatch(
      /^Unreachable: the broker of this hub cannot be reached: connect\(\) has not settled after 50 ms\. Receiver\.error was told: inputStore error ERR_CONNECTION: toy broker: UNREACHABLE; outputStore error/,
    )
    expect(new Set(others)).toEqual(
      new Set(['Unreachable: not run: the broker of this hub cannot be reached, as the first case says']),
    )
    expect(others.length).toBeGreaterThan(40)
    expect(hubs).toBe(2)
  })

  test('so it does with credentials that are refused', async () => {
    const { unauthorized } = honest()
    const { cases } = register({ createHub: () => ({ ...honest(), connect: unauthorized! }) })
    await expect(cases.get(roundTrip)!()).rejects.toThrow(/cannot be reached: connect\(\) rejected with ERR_AUTH/)
  })
})

describe('a hub that can refuse only some', () => {
  const forbidden = (forbids: ConformanceHub['forbids']): string[] => {
    const { skipped } = register({ createHub: () => ({ ...bare(), forbid: () => {}, ...(forbids && { forbids }) }) })
    return skipped.filter((title) => title.startsWith('refusal: '))
  }

  test.each<[ConformanceHub['forbids'], string[]]>([
    [undefined, ['store']],
    [['publish'], ['subscribe', 'store']],
    [['store'], ['subscribe', 'publish']],
    [['subscribe', 'publish', 'store'], []],
  ])('%j', (forbids, lacking) => {
    const reasons = new Set(forbidden(forbids).map((title) => /cannot forbid to (\w+)\)$/.exec(title)?.[1]))
    expect([...reasons].sort()).toEqual([...lacking].sort())
  })
})

describe('errors', () => {
  const secret = 'hunter-2/secret'
  class Telling extends HonestTransport {
    constructor(
      client: ToyClient,
      readonly error: Error,
    ) {
      super(client)
    }
    override attach(receiver: Receiver): void {
      super.attach(receiver)
      this.client.on('ready', () => receiver.error('inputStore', this.error))
    }
  }

  const withCause = (cause: unknown): Error => Object.assign(new ConnectionError('cannot connect'), { cause })

  test.each<[string, Error, RegExp | undefined]>([
    ['one of ours', new ConnectionError('cannot connect', { cause: new AuthError('no') }), undefined],
    ['a foreign one', new TypeError('of undefined'), /told of inputStore: TypeError, which has none of our codes/],
    [
      'a code of somebody else',
      Object.assign(new Error('x'), { code: 'ECONNREFUSED' }),
      /Error, which has none of our/,
    ],
    ['a foreign cause', withCause(new Error('x')), /ERR_CONNECTION, caused by Error, which has none of our codes/],
    ['a cause that is none', withCause('x'), /caused by string instead of an Error/],
    ['a foreign cause of a cause', withCause(withCause(new Error('x'))), /caused by ERR_CONNECTION, caused by Error/],
    ['a secret', new ConnectionError(`redis://:${secret}@host`), /ERR_CONNECTION, whose text .+ secret of the hub/],
    ['an encoded secret', new ConnectionError(encodeURIComponent(secret)), /secret of the hub/],
    ['a secret in base64', new ConnectionError(Buffer.from(secret).toString('base64')), /secret of the hub/],
    ['a secret in a property', Object.assign(new ConnectionError('x'), { options: { secret } }), /secret of the hub/],
    ['a secret in a cause', withCause(new AuthError(secret)), /secret of the hub/],
  ])('%s', async (_, error, expected) => {
    const broker = new ToyBroker()
    const createHub = (): ConformanceHub => ({
      connect: () => new Telling(broker.client(), error),
      secrets: [secret],
      close: () => {},
    })
    const run = register({ createHub }).cases.get(roundTrip)!()
    if (!expected) return run
    await expect(run).rejects.toThrow(expected)
    await expect(run).rejects.not.toThrow(secret)
    await expect(run).rejects.toThrow(/^errors \(whatever rejects/)
  })
})

test('a transport that throws instead of rejecting breaks the line of the case', async () => {
  class Throwing extends HonestTransport {
    override subscribe(): never {
      throw new TypeError('of undefined')
    }
  }
  const { cases } = register({ createHub: () => toyHub((client) => new Throwing(client)) })
  await expect(cases.get(roundTrip)!()).rejects.toThrow(
    /^contract 4 \(.+\)\. The transport: threw TypeError: of undefined$/,
  )
})

function notReadyAtFirst(create: () => ConformanceHub): () => ConformanceHub {
  let ready = false
  return () => {
    if (ready) return create()
    ready = true
    throw new Error('the server is not up yet')
  }
}
