import { Recorder } from '@server-events/testing'
import type { Recorded } from '@server-events/testing'
import type { Transport } from 'server-events'
import { transportOf } from 'server-events/transport-kit'
import type { Bounds } from 'server-events/transport-kit'
import type { Faults } from './toy-driver'
import { ToyDriver } from './toy-driver'

export { event, rejection } from '@server-events/testing'

export type Open = Recorded

const opened: Transport[] = []

/** A transport over toy connections; closed by `closeAll`. */
export function open(faults: Faults, bounds: Bounds = {}, driver = new ToyDriver(faults)): Open {
  const transport = transportOf(driver, bounds)
  opened.push(transport)
  const receiver = new Recorder()
  transport.attach(receiver)
  return { transport, receiver }
}

export async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((transport) => transport.close()))
}
