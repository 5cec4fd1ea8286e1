import type { Transport } from 'server-events'
import type { Line } from './contract'
import type { ConformanceHub, Forbidden } from './options'
import type { Stage } from './stage'

/** What a case is about may not apply, by what the transport or the hub declares. */
const reasons = {
  keeper: 'the transport has no keeper',
  once: 'the transport has no keeper that declares once',
  ids: "the transport's routing is 'name', so no two of its subscriptions overlap",
  homes: 'the transport has no homes',
  questions: 'the transport does not declare questions',
  interrupt: 'the hub has no interrupt()',
  'forbid subscribe': 'the hub cannot forbid to subscribe',
  'forbid publish': 'the hub cannot forbid to publish',
  'forbid store': 'the hub cannot forbid to store',
  freeze: 'the hub has no freeze() and thaw()',
  stop: 'the hub has no stop() and start()',
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
      case 'once':
        return !declared(hub, ({ keeper }) => keeper?.once)
      case 'ids':
        return declared(hub, ({ routing }) => routing) === 'name'
      case 'homes':
        return !declared(hub, ({ homes }) => homes === true)
      case 'questions':
        return !declared(hub, ({ questions }) => questions)
      case 'forbid subscribe':
        return !forbids(hub, 'subscribe')
      case 'forbid publish':
        return !forbids(hub, 'publish')
      case 'forbid store':
        return !forbids(hub, 'store')
      case 'freeze':
        return !hub.freeze || !hub.thaw
      case 'stop':
        return !hub.stop || !hub.start
      default:
        return !hub[need]
    }
  })
  return lacking && reasons[lacking]
}

function forbids(hub: ConformanceHub, what: Forbidden): boolean {
  const { forbids: all = ['subscribe', 'publish'] } = hub
  return hub.forbid !== undefined && all.includes(what)
}

/** Looks at a transport of which nothing else is made: it was not attached, so it has opened nothing. */
function declared<T>(hub: ConformanceHub, look: (transport: Transport) => T): T {
  return look(hub.connect())
}
