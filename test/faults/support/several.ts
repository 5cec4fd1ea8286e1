import type { RedisTransport } from '@server-events/redis'
import { eventually } from '@server-events/testing'
import { ServerEvents } from 'server-events'
import { accountOf, type Account } from './account'
import { Complaints } from './complaints'
import { isLost, isTimeout, Load } from './load'
import { briskBackstop, keep, patience, pending } from './options'

/** A fault of a system of several servers, of which one takes over from another. */
export interface Upheaval {
  readonly title: string
  /** A transport with connections of its own; `who` is a name for them. */
  transport(who: string): RedisTransport
  /** Makes the fault, and resolves when it has been seen and is over. */
  strike(waiting: ServerEvents): Promise<void>
  /** About how long it takes, in ms. */
  readonly lasts: number
  /** Names that the waiting side listens to from the start; ['job'] if not given. */
  readonly listen?: readonly string[]
  /** False for a control. */
  readonly recall?: boolean
  /** For kept waits; false for plain ones. */
  readonly kept?: boolean
}

/**
 * As playKept does. What Redis itself has lost is counted and told; a wait for it may run to its
 * timeout, unless the event came before that. Whatever is in the store must have arrived.
 */
export async function playUpheaval(upheaval: Upheaval): Promise<Account> {
  const { title, lasts, listen = ['job'], recall = true, kept = true } = upheaval
  const complaints = new Complaints()
  const options = kept ? { keep, backstop: briskBackstop } : {}
  const connect = (who: string, more: { listen?: readonly string[] } = {}): ServerEvents => {
    const events = new ServerEvents(upheaval.transport(who), { ...options, ...more })
    events.onerror((_, error) => complaints.add(error))
    return events
  }
  const waiting = connect('waiting', { listen })
  const emitters = [connect('first'), connect('second')]
  const all = [waiting, ...emitters]
  try {
    await Promise.all(all.map((events) => events.init()))
    const load = new Load(waiting, emitters, complaints)
    const some = Math.floor(pending / 5)
    const timeout = kept ? patience : lasts + 3_000
    const early = load.wait(['job'], some, { timeout, recall })
    load.wait(['job'], pending - some, { timeout, recall })
    await load.emit(some, 300)
    await eventually(() => early.every(({ accepted }) => accepted !== undefined), { timeout })
    await Promise.all([upheaval.strike(waiting), load.emit(pending - 2 * some, lasts)])
    await load.emit(some, 300)
    await load.settled()
    const missing = new Set<string>()
    if (kept)
      for (const { name, id, accepted } of load.pairs) {
        if (accepted === undefined) continue
        // To ask while another server takes over is a ConnectionError.
        const { outcome } = await eventually(async () => ({ outcome: await waiting.peek(name, id) }))
        if (outcome === undefined) missing.add(id)
      }
    const account = accountOf(title, load, {
      mayBeLost: (pair) => isTimeout(pair) && (!kept || missing.has(pair.id)),
    })
    const unheard = load.pairs.filter((pair) => isLost(pair) && missing.has(pair.id)).length
    if (kept)
      process.stdout.write(
        `    Redis itself lost ${missing.size} of ${load.pairs.length} outcomes that it had acknowledged; ` +
          `${unheard} of their waits had not got the event before\n`,
      )
    return account
  } finally {
    await Promise.all(all.map((events) => events.close()))
  }
}
