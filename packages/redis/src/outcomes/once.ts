import { ConnectionError, ForbiddenError } from 'server-events'
import type { Connection } from '../client/link'
import { closedError, quoted, replyCode } from '../errors'
import type { OnceOutcome } from './key'
import type { OutcomeStore, Trial } from './store'

/** How long until a master that could not be asked is asked again, in ms. */
const PAUSE = 100

/** What is stored under the key already, and stays; and whether it is the same outcome. */
export interface Held {
  readonly value: string
  readonly isSame: boolean
}

/**
 * Stores the outcome, unless another one holds: resolves with that one. Rejects with what the server
 * refused, or a ServerEventsError; then it is not stored, or not known to be.
 */
export function decide(
  store: OutcomeStore,
  connection: Connection,
  outcome: OnceOutcome,
  trial: Trial,
): Promise<Held | undefined> {
  const added = store.add(connection, outcome, trial)
  return added.then((isAdded) => (isAdded ? undefined : contend(store, connection, outcome, trial)))
}

/** Something is stored under the key; but it may expire, or be forgotten, between two questions. */
async function contend(
  store: OutcomeStore,
  connection: Connection,
  outcome: OnceOutcome,
  trial: Trial,
): Promise<Held | undefined> {
  for (;;) {
    const value = await valueOf(store, connection, outcome.key, trial)
    const verdict = value === null ? 'none' : outcome.once(value)
    if (value !== null && verdict !== 'none') return { value, isSame: verdict === 'same' }
    // Nothing of it may take effect when its promise has settled.
    if (!trial.wanted()) throw closedError()
    const isStored = await (value === null
      ? store.add(connection, outcome, trial)
      : replaced(store, connection, outcome, value, trial))
    if (isStored) return undefined
  }
}

async function valueOf(
  store: OutcomeStore,
  connection: Connection,
  key: string,
  { wanted }: Trial,
): Promise<string | null> {
  for (;;)
    try {
      return await store.get(connection, key, wanted)
    } catch (error) {
      if (replyCode(error) === 'NOPERM') throw forbidden('GET', '+get', key, connection)
      if (!(error instanceof ConnectionError) || !wanted()) throw error
      await new Promise((resolve) => setTimeout(resolve, PAUSE).unref())
    }
}

async function replaced(
  store: OutcomeStore,
  connection: Connection,
  outcome: OnceOutcome,
  value: string,
  trial: Trial,
): Promise<unknown> {
  try {
    const bytes = await store.bytes(connection, outcome.key, trial.wanted)
    // Another one by now is looked at anew.
    if (bytes?.toString() !== value) return false
    return await store.replace(connection, outcome, bytes, trial)
  } catch (error) {
    if (replyCode(error) === 'NOPERM') throw forbidden('EVAL', '+eval', outcome.key, connection)
    throw error
  }
}

function forbidden(command: string, grant: string, key: string, { place }: Connection): ForbiddenError {
  const why = `which keep with once needs where the id has an outcome already: grant ${grant} on this key`
  return new ForbiddenError(`redis at ${place} forbids ${command} on ${quoted(key)}, ${why}`, { channel: key })
}
