import type { ServerEvents } from 'server-events'
import { isLost, type Load, type Pair } from './load'
import { slack } from './options'

/** What came of a load under a fault. */
export interface Account {
  readonly lost: number
  /** Emits whose first attempt rejected. */
  readonly rejected: number
  /** How often the waiting side lost its subscribing connection. */
  readonly interruptions: number
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
  const { pairs, complaints, waiting, emitters } = load
  const { settled, pending, outputStore } = waiting.stats()
  const total = Object.values(settled).reduce((sum, count) => sum + count, 0)
  const lost = pairs.filter(isLost)
  const rejected = pairs.filter(({ first }) => first !== undefined && first !== 'resolved')
  const problems: string[] = []
  const say = (count: number, what: string): void => {
    if (count > 0) problems.push(`${count} ${what}`)
  }
  say(lost.filter((pair) => checks.mayBeLost?.(pair) !== true).length, 'lost')
  say(pairs.filter(({ outcome }) => outcome === undefined).length, 'waits hang')
  say(
    pairs.filter((pair) => pair.settledAt > pair.startedAt + pair.timeout + slack).length,
    'settled after their timeout',
  )
  say(pairs.filter(({ outcome }) => outcome === 'got something else').length, 'got what was not theirs')
  const odd = pairs.filter(({ outcome }) => outcome !== 'got' && outcome !== 'ERR_TIMEOUT')
  say(odd.filter((pair) => checks.mayReject?.(pair) !== true).length, 'rejected with something else than a timeout')
  if (total !== pairs.length || pending !== 0)
    problems.push(`of ${pairs.length} waits ${total} settled by the instance's own account, and ${pending} are pending`)
  problems.push(...complaints.leaks, ...complaints.strangers)
  const account = { lost: lost.length, rejected: rejected.length, interruptions: outputStore.interruptions, problems }
  tell(title, load, account, emitters)
  return account
}

/** One line that a person can read. */
function tell(
  title: string,
  { pairs, waiting, complaints }: Load,
  account: Account,
  emitters: readonly ServerEvents[],
): void {
  const { settled, outputStore } = waiting.stats()
  const ways = Object.entries(settled).flatMap(([way, count]) => (count > 0 ? [`${way} ${count}`] : []))
  const inputs = [waiting, ...emitters].reduce((sum, events) => sum + events.stats().inputStore.interruptions, 0)
  const slowest = Math.max(
    0,
    ...pairs.flatMap(({ outcome, settledAt, emittedAt }) => (outcome === 'got' ? [settledAt - emittedAt] : [])),
  )
  const codes = [...complaints.counts].map(([code, count]) => `${code.replace('ERR_', '')} ${count}`)
  const parts = [
    `${pairs.length} waits: ${ways.join(', ')}`,
    `lost ${account.lost}`,
    `first emits rejected ${account.rejected}`,
    `interruptions ${outputStore.interruptions} subscribing, ${inputs} publishing`,
    `slowest ${(slowest / 1000).toFixed(2)} s`,
    `errors told: ${codes.join(', ') || 'none'}`,
  ]
  process.stdout.write(`  [ioredis ${process.env['IOREDIS'] ?? '5'}] ${title}: ${parts.join('; ')}\n`)
}
