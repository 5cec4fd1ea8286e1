import type { Listened } from '../registry/name'
import { checkListener, checkName } from '../checks'
import type { Engine } from './engine'
import type { Init } from './init'

/** What `listen` resolves with. */
export interface Listening {
  /** From here on the listener is not called. Resolves at once; never rejects. */
  close(): Promise<void>
  /** As `close`, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Keeps a name subscribed, for its listeners if there are any. Rejects as `Init.standing` does, and
 * for bad arguments, which nothing else has looked at.
 */
export async function listen(
  engine: Engine,
  starting: Init,
  name: string,
  { event, failure }: Pick<Listened, 'event' | 'failure'>,
): Promise<Listening> {
  const checked = checkName(name)
  if (event !== undefined) checkListener(event, 'the listener of listen')
  if (failure !== undefined) checkListener(failure, 'the third argument of listen')
  if (engine.phase !== 'open') throw engine.takesNoWaits()
  const { subscriptions } = engine
  subscriptions.desire()
  const { standing, close } = subscriptions.listen(checked, { event, failure })
  try {
    await starting.standing(standing)
  } catch (error) {
    close()
    throw error
  }
  const end = (): Promise<void> => {
    close()
    return Promise.resolve()
  }
  return { close: end, [Symbol.asyncDispose]: end }
}
