import type { Transport } from 'server-events'
import type { Line } from './contract'
import type { ConformanceHub } from './options'
import type { Stage } from './stage'

/** What a case is about may not apply, by what the transport or the hub declares. */
const reasons = {
  keeper: 'the transport has no keeper',
  ids: "the transport's routing is 'name', so no two of its subscriptions overlap",
  interrupt: 'the hub has no interrupt()',
  forbid: 'the hub has no forbid()',
  unauthorized: 'the hub has no unauthorized()',
} as const

type Need = keyof typeof reasons

export interface Case {
  readonly title: string
  /** The line that it proves. */
  readonly contract: Line
  readonly needs?: readonly Need[]
  readonly run: (stage: Stage) => Promise<void>
}

/** Why a case does not apply; undefined if it does. */
export function reasonToSkip({ needs = [] }: Case, hub: ConformanceHub): string | undefined {
  const lacking = needs.find((need) => {
    switch (need) {
      case 'keeper':
        return !declared(hub, ({ keeper }) => keeper)
      case 'ids':
        return declared(hub, ({ routing }) => routing) === 'name'
      default:
        return !hub[need]
    }
  })
  return lacking && reasons[lacking]
}

/** Looks at a transport of which nothing else is made: it was not attached, so it has opened nothing. */
function declared<T>(hub: ConformanceHub, look: (transport: Transport) => T): T {
  return look(hub.connect())
}
