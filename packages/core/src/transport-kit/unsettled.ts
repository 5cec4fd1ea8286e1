/** What is asked of the broker until it is answered: an emit, or several that leave as one. The table keeps its own notes in it. */
export abstract class Unsettled {
  /** What of one lane is written in the order of arrival: the name of the event. */
  abstract readonly lane: string
  /** It is still being filled: neither written nor out of time. */
  open = false
  /** It may have had an effect: it was handed to a connection, and not refused there. */
  written = false
  /** It was handed to the connection that stands. */
  isOut = false
  /** When it was handed over; `Infinity` for what this connection does not have to answer. */
  writtenAt = 0
  /** When its time is up. */
  due = 0
  /** How many emits of it have not settled, and how many bytes it holds. */
  emits = 0
  bytes = 0
  /** Index in the table; -1 when not in it. */
  slot = -1
  /** Its place in the order of arrival. */
  turn = 0
  /** How many connections were lost while it was unanswered there; and how many of them carried nothing else. */
  losses = 0
  lossesAlone = 0
  /** Why the broker refused it for now, the last time. */
  refusal: string | undefined
}

/** How much may be unanswered, and for how long. */
export interface UnansweredLimits {
  /** How long an emit may take, in ms. */
  readonly publishTimeout: number
  /** How many emits are held while there is no connection; and, once nothing is heard, how many more. */
  readonly maxQueued: number
  /** How many bytes may be unanswered. */
  readonly maxUnanswered: number
}

/** What the table asks of the side that publishes. */
export interface UnansweredHost<E extends Unsettled> {
  /** Writes them to the connection that stands, in this order. */
  write(entries: readonly E[]): void
  /** Their time is up, and they are out of the table. `written` says whether they may have had an effect. */
  expired(entries: readonly E[]): void
  /** Out of the table as well: whenever it was sent alone, the connection was lost. */
  poisoned(entry: E): void
  /** Something is unanswered for a quarter of its time, and nothing was heard since: a PING would tell whether anybody is there. */
  doubt?(): void
  /** The same for half of its time: the connection is to be replaced. */
  silent(): void
}

/** Which limit an emit would pass; see `UnansweredLimits`. */
export type Overfull = 'queued' | 'bytes' | 'silent'

/** What an entry takes up beside its bytes. */
export const OVERHEAD = 128

/** What was lost with so many connections is suspected of being why. */
const SUSPECT = 2

/** Of so many connections that carried nothing else it is why they were lost. */
export const POISON = 2

export function byArrival(one: Unsettled, other: Unsettled): number {
  return one.turn - other.turn
}

export function isSuspect({ losses }: Unsettled): boolean {
  return losses >= SUSPECT
}

/** In the order of arrival; but what was alone when a connection was lost comes last, and alone again. */
export function nextGroup<E extends Unsettled>(suspects: readonly E[], size: number): E[] {
  const sorted = [...suspects].sort((one, other) => one.lossesAlone - other.lossesAlone || byArrival(one, other))
  const group = sorted.filter(({ lossesAlone }) => lossesAlone === 0).slice(0, size)
  return group.length > 0 ? group : sorted.slice(0, 1)
}

/** Of those that wait, in the order of arrival, what is not suspected and overtakes no suspect of its lane. */
export function notBehindSuspects<E extends Unsettled>(held: readonly E[]): E[] {
  const lanes = new Set<string>()
  return held.filter((entry) => {
    if (isSuspect(entry)) lanes.add(entry.lane)
    return !lanes.has(entry.lane)
  })
}
