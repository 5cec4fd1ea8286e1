import { reasonToSkip } from './case'
import type { Case } from './case'
import { delivery } from './cases/delivery'
import { interruption } from './cases/interruption'
import { keeping } from './cases/keeping'
import { lifecycle } from './cases/lifecycle'
import { messages } from './cases/messages'
import { order } from './cases/order'
import { refusal } from './cases/refusal'
import { subscription } from './cases/subscription'
import { BrokenContract } from './contract'
import { checked } from './options'
import type { ConformanceHub, ConformanceOptions } from './options'
import { describeError } from './peer'
import { skipRunning } from './skip'
import { HubError, NotApplicable, Stage } from './stage'

const themes = { lifecycle, delivery, subscription, interruption, refusal, keeping, messages, order }

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
