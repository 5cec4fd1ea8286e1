import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { peerOf } from '../peers'
import type { PeerSpec } from '../peers/spec'
import { cpu, type Role } from './role'

export interface EmitterTask {
  readonly role: 'emitter'
  readonly spec: PeerSpec
  /** Of all waiters. */
  readonly sockets: readonly string[]
}

/** Emits what the waiters ask for, and of each id as many more that nobody waits for as the spec says. */
export const run: Role<EmitterTask, 'cpu' | 'stop'> = async ({ spec, sockets }, tell) => {
  const emitter = await (await peerOf(spec)).emitter()
  const unasked = spec.unasked ?? 0
  for (const path of sockets) {
    createInterface({ input: connect(path) }).on('line', (line) => {
      const [from, to, suffix = ''] = line.split(' ')
      for (let id = Number(from); id < Number(to); id++) {
        for (let other = 0; other < unasked; other++) emitter.emit(`${id}-${other}${suffix}`)
        emitter.emit(`${id}${suffix}`)
      }
    })
  }
  return (message) => {
    if (message === 'cpu') tell(cpu())
    else void emitter.close().then(() => process.disconnect())
  }
}
