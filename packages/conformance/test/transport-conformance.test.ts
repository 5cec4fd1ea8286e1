import { InvalidArgumentError } from 'server-events'
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
    const all = register({}).cases.size
    const { cases, skipped } = register({ createHub: bare })
    expect(cases.size + skipped.length).toBe(all)
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
    expect(hubs).toBe(3)
    expect(closed).toHaveBeenCalledTimes(3)
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
