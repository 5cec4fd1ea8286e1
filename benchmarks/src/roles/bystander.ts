import { peerOf } from '../peers'
import type { PeerSpec } from '../peers/spec'
import { cpu, type Role } from './role'

export interface BystanderTask {
  readonly role: 'bystander'
  readonly spec: PeerSpec
}

/**
 * Hears the events of a name and waits for none of them but the last one, whose id it is sent: tells that it waits, and
 * when it has come, by which time all have been heard, the CPU time since then in ms.
 */
export const run: Role<BystanderTask, string> = async ({ spec }, tell) => {
  const waiter = await (await peerOf(spec)).waiter()
  tell('ready')
  return (last) => {
    const before = process.cpuUsage()
    void waiter.wait(last).then(() => tell(cpu(before)))
    tell('waits')
  }
}
