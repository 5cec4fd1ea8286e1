import { reasonToSkip } from './case'
import type { Case } from './case'
import { delivery } from './cases/delivery'
import { expiry } from './cases/expiry'
import { homes } from './cases/homes'
import { interruption } from './cases/interruption'
import { keeping } from './cases/keeping'
import { kept } from './cases/kept'
import { lifecycle } from './cases/lifecycle'
import { messages } from './cases/messages'
import { once as keptOnce } from './cases/once'
import { order } from './cases/order'
import { outage } from './cases/outage'
import { questions } from './cases/questions'
import { refusal } from './cases/refusal'
import { subscription } from './cases/subscription'
import { BrokenContract } from './contract'
import { checked } from './options'
import type { ConformanceHub, ConformanceOptions } from './options'
import { describeError } from './support/show'
import { Unreachable, preflight } from './preflight'
import { skipRunning } from './skip'
import { HubError, NotApplicable, Stage } from './stage'

const themes = {
  lifecycle,
  delivery,
  subscription,
  homes,
  interruption,
  outage,
  refusal,
  keeping: [...keeping, ...expiry, ...kept, ...keptOnce],
  messages,
  questions,
  order,
}

/**
 * Registers every case of the contract with a test runner. Call it at the top of a test file, or in
 * a `describe`; to see it fail, take something out of the transport.
 *
 * What does not apply by what the transport and the hub declare (no keeper, no `interrupt`) is
 * registered as skipped, with the reason; where createHub is async, it is skipped when it runs.
 *
 * @throws InvalidArgumentError
 */
export function transportConformance(options: ConformanceOptions): void {
  const { test, createHub, timeout } = checked(options)
  const known = declarations(createHub)
  const reachable = once(async () => {
    const hub = await createHub()
    try {
      return await preflight(hub, timeout)
    } finally {
      await hub.close()
    }
  })

  for (const [theme, cases] of Object.entries(themes)) {
    for (const one of cases) {
      const title = `${theme}: ${one.title}`
      const reason = known?.(one)
      if (reason !== undefined) {
        const register = test.skip ?? test
        register(`${title} (skipped: ${reason})`, () => Promise.resolve())
        continue
      }
      // No parameters: jest would take one for a callback. What runners hand over all the same can skip.
      test(title, async function (this: unknown, ...context: unknown[]): Promise<void> {
        await checkReachable(reachable)
        const reasonNow = await runCase(one, createHub, timeout)
        if (reasonNow !== undefined) skipRunning(this, context[0], title, reasonNow)
      })
    }
  }
}

/** Why a case does not apply, as far as that can be known before it runs. */
function declarations(createHub: ConformanceOptions['createHub']): ((one: Case) => string | undefined) | undefined {
  if (createHub.constructor.name === 'AsyncFunction') return undefined
  let hub: ReturnType<typeof createHub>
  try {
    hub = createHub()
  } catch {
    // Not before the cases run, it seems. If that is not the reason, they will tell.
    return undefined
  }
  if (isPromise(hub)) {
    hub.then(close, () => {})
    return undefined
  }
  const reasons = new Map(Object.values(themes).flatMap((cases) => cases.map((one) => [one, reasonToSkip(one, hub)])))
  close(hub)
  return (one) => reasons.get(one)
}

/** The first case that runs makes the attempt and tells all of it; the others stop at once. */
async function checkReachable(
  reachable: () => { readonly result: Promise<string | undefined>; readonly first: boolean },
) {
  const { result, first } = reachable()
  const why = await result
  if (why === undefined) return
  throw new Unreachable(first ? why : 'not run: the broker of this hub cannot be reached, as the first case says')
}

function once<T>(make: () => Promise<T>): () => { readonly result: Promise<T>; readonly first: boolean } {
  let made: Promise<T> | undefined
  return () => {
    const first = made === undefined
    return { result: (made ??= make()), first }
  }
}

/** Gives the reason if it does not apply. */
async function runCase(
  one: Case,
  createHub: ConformanceOptions['createHub'],
  timeout: number,
): Promise<string | undefined> {
  const hub = await createHub()
  try {
    const reason = reasonToSkip(one, hub)
    if (reason !== undefined) return reason
    const stage = new Stage(hub, one.contract, timeout)
    try {
      await one.run(stage)
      stage.judge()
    } catch (error) {
      if (error instanceof NotApplicable) return error.message
      if (error instanceof BrokenContract || error instanceof HubError) throw error
      // Promises reject, methods do not throw.
      throw new BrokenContract(one.contract, `threw ${describeError(error)}`, { cause: error })
    } finally {
      await stage.close()
    }
    return undefined
  } finally {
    await hub.close()
  }
}

function close(hub: ConformanceHub): void {
  // It was only looked at. If closing fails, the first case that runs tells.
  Promise.resolve()
    .then(() => hub.close())
    .catch(() => {})
}

function isPromise(value: ConformanceHub | Promise<ConformanceHub>): value is Promise<ConformanceHub> {
  return typeof (value as { then?: unknown }).then === 'function'
}
