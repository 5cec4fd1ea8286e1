import { peerOf } from '../peers'
import type { PeerSpec } from '../peers/spec'
import type { Role } from './role'

export interface BurstsTask {
  readonly role: 'bursts'
  readonly spec: PeerSpec
}

export interface Burst {
  readonly ticks: number
  readonly eventsATick: number
  readonly last: string
}

/** Between ticks, in ms: so that none is read with another. */
const pause = 5

/** Emits as many events a tick as it is told, then the last one. */
export const run: Role<BurstsTask, Burst> = async ({ spec }, tell) => {
  const emitter = await (await peerOf(spec)).emitter()
  let id = 0
  tell('ready')
  return ({ ticks, eventsATick, last }) => {
    let left = ticks
    const tick = (): void => {
      if (left-- === 0) {
        emitter.emit(last)
        return
      }
      for (let event = 0; event < eventsATick; event++) emitter.emit(String(id++))
      setTimeout(tick, pause)
    }
    tick()
  }
}
