/*
 * A server that hears the events of a name and waits for none of them, or the one that emits them.
 * The latter is told how many to emit in a tick; ticks are 5 ms apart, so that none is read with another.
 */
import { peerOf } from './peers'
import type { PeerSpec } from './peers/spec'

export interface Task {
  readonly spec: PeerSpec
  readonly side: 'bystander' | 'emitter'
}

export interface Burst {
  readonly ticks: number
  readonly eventsATick: number
  readonly last: string
}

const pause = 5

async function bystander(spec: PeerSpec): Promise<void> {
  const waiter = await (await peerOf(spec)).waiter()
  process.on('message', (last: string) => {
    const before = process.cpuUsage()
    // Only when the last one has come have all been heard.
    void waiter.wait(last).then(() => {
      const { user, system } = process.cpuUsage(before)
      process.send?.((user + system) / 1000)
    })
    process.send?.('waits')
  })
}

async function emitter(spec: PeerSpec): Promise<void> {
  const peer = await (await peerOf(spec)).emitter()
  let id = 0
  process.on('message', ({ ticks, eventsATick, last }: Burst) => {
    let left = ticks
    const tick = (): void => {
      if (left-- === 0) {
        peer.emit(last)
        return
      }
      for (let event = 0; event < eventsATick; event++) peer.emit(String(id++))
      setTimeout(tick, pause)
    }
    tick()
  })
}

process.once('message', ({ spec, side }: Task) => {
  void (side === 'bystander' ? bystander(spec) : emitter(spec)).then(() => process.send?.('ready'))
})
process.once('disconnect', () => process.exit())
