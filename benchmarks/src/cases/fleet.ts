import { repeat, summarise, type Comparison } from '../contenders/compare'
import type { Figures, Spec } from '../contenders/contender'
import type { Row } from '../row'
import { inFlight, ours, type Sizer } from './case'

/** What the charts and the sizing look for. */
export const fleetGroup = 'Fleet'
export const ofRedis = 'CPU of Redis an event'
export const ofServer = 'CPU of a server an event'

/** How events reach the one server of many that waits for them, each alone in a PUBLISH. */
const modes: Readonly<Record<string, (servers: number) => Spec>> = {
  pattern: (servers) => ours({ batch: false }, { servers, longIds: true }),
  id: (servers) => ours({ channels: 'id', batch: false }, { servers, longIds: true }),
  homes: (servers) => ours({ channels: 'id', batch: false }, { servers, homes: true }),
}

export interface FleetCase {
  readonly group: string
  readonly title: string
  run(): Promise<Row[]>
}

export function titleOf(mode: string, servers: number): string {
  return `${mode}, ${servers} ${servers === 1 ? 'server' : 'servers'}`
}

/** What one event costs Redis and each server of a fleet, by its size: figures of their own. */
export function fleet({ load, fleets }: Sizer): FleetCase[] {
  return Object.entries(modes).flatMap(([mode, specOf]) =>
    fleets.map((servers) => {
      const title = titleOf(mode, servers)
      const run = async (): Promise<Row[]> => {
        const rounds = await repeat(specOf(servers), load(256, servers === 1 ? 60_000 : 12_000, 3))
        const micros = (of: (figures: Figures) => number): Comparison =>
          summarise(rounds.map((figures) => of(figures) * 1000))
        const row = { group: fleetGroup, title, unit: 'µs' }
        return [
          { ...row, metric: ofRedis, value: micros(({ redisCpu }) => redisCpu) },
          { ...row, metric: ofServer, value: micros(({ waiterCpu }) => waiterCpu / servers) },
        ]
      }
      return { group: fleetGroup, title: `${title}, ${inFlight(256)}`, run }
    }),
  )
}
