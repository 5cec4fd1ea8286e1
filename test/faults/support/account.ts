import { isLost, type Load, type Pair } from './load'
import { slack } from './options'

/** What came of a load under a fault. */
export interface Account {
  readonly lost: number
  /** Emits whose first attempt rejected. */
  readonly rejected: number
  /** How often the waiting side lost its subscribing connection. */
  readonly interruptions: number
  /** How often an emitter lost its connection. */
  readonly outages: number
  /** All that must not happen, whatever the fault; empty if all is well. */
  readonly problems: readonly string[]
}

export interface Checks {
  /** Which losses count: all, if not given. */
  readonly mayBeLost?: (pair: Pair) => boolean
  /** Whether waits may end otherwise than by their event or at their timeout. */
  readonly mayReject?: (pair: Pair) => boolean
}

export function accountOf(title: string, load: Load, checks: Checks = {}): Account {
  const { waits, complaints, waiting, emitters } = load
  const { settled, pending, outputStore } = waiting.stats()
  const total = Object.values(settled).reduce((sum, count) => sum + count, 0)
  const lost = waits.filter(isLost)
  const rejected = waits.filter(({ first }) => first !== undefined && first !== 'resolved')
  const problems: string[] = []
  const say = (count: number, what: string): void => {
    if (count > 0) problems.push(`${count} ${what}`)
  }
  say(lost.filter((pair) => checks.mayBeLost?.(pair) !== true).length, 'lost')
  say(waits.filter(({ outcome }) => outcome === undefined).length, 'waits hang')
  say(waits.filter(({ settledAt, clock }) => settledAt > clock.wentOffAt + slack).length, 'settled after their timeout')
  say(waits.filter(({ outcome }) => outcome === 'got something else').length, 'got what was not theirs')
  const odd = waits.filter(({ outcome }) => outcome !== 'got' && outcome !== 'ERR_TIMEOUT')
  say(odd.filter((pair) => checks.mayReject?.(pair) !== true).length, 'rejected with something else than a timeout')
  if (total !== waits.length || pending !== 0)
    problems.push(`of ${waits.length} waits ${total} settled by the instance's own account, and ${pending} are pending`)
  problems.push(...complaints.leaks, ...complaints.strangers)
  const account = {
    lost: lost.length,
    rejected: rejected.length,
    interruptions: outputStore.interruptions,
    outages: emitters.reduce((sum, events) => sum + events.stats().inputStore.interruptions, 0),
    problems,
  }
  tell(title, load, account)
  return account
}

/** One line that a person can read. */
function tell(title: string, { waits, waiting, complaints }: Load, account: Account): void {
  const { settled } = waiting.stats()
  const ways = Object.entries(settled).flatMap(([way, count]) => (count > 0 ? [`${way} ${count}`] : []))
  const slowest = Math.max(
    0,
    ...waits.flatMap(({ outcome, settledAt, emittedAt }) => (outcome === 'got' ? [settledAt - emittedAt] : [])),
  )
  const codes = [...complaints.counts].map(([code, count]) => `${code.replace('ERR_', '')} ${count}`)
  const parts = [
    `${waits.length} waits: ${ways.join(', ')}`,
    `lost ${account.lost}`,
    `first emits rejected ${account.rejected}`,
    `interruptions: waiting ${account.interruptions}, emitting ${account.outages}`,
    `slowest ${(slowest / 1000).toFixed(2)} s`,
    `errors: ${codes.join(', ') || 'none'}`,
  ]
  process.stdout.write(`  [ioredis ${process.env['IOREDIS'] ?? '5'}] ${title}: ${parts.join('; ')}\n`)
}
