import type { ConformanceHub } from './options'
import { Peer } from './peer'
import { describeError } from './support/show'
import { howItSettles, settledWithin } from './support/waiting'

/** The broker cannot be reached: no case has anything to say of the transport. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** How long what could not connect may take to close, in ms: the runner's patience is nearly used up. */
const CLOSING = 500

/**
 * Connects once before the first case. Without a broker each case would wait for its own timeout, and none would say
 * why: 45 of them took 181 s. Gives what to tell instead; undefined if the cases may run.
 */
export async function preflight(hub: ConformanceHub, timeout: number): Promise<string | undefined> {
  const transport = hub.connect()
  const peer = new Peer(transport)
  try {
    transport.attach(peer)
    const settled = await settledWithin(transport.connect(), timeout)
    if (settled?.ok) return undefined
    const did = settled ? `rejected with ${describeError(settled.error)}` : `has not settled after ${timeout} ms`
    return `the broker of this hub cannot be reached: connect() ${did}. ${whatWasTold(peer)}`
  } catch {
    // A transport that throws is the matter of the cases.
    return undefined
  } finally {
    await settledWithin(howItSettles(new Promise((resolve) => resolve(transport.close()))), Math.min(CLOSING, timeout))
  }
}

/** Each text once: an attempt is made again and again. */
function whatWasTold({ log }: Peer): string {
  const texts = [...new Set(log.filter((line) => line.includes(' error ')))]
  if (texts.length === 0) return 'Receiver.error was told nothing'
  const more = texts.length > 5 ? `; and ${texts.length - 5} others` : ''
  return `Receiver.error was told: ${texts.slice(0, 5).join('; ')}${more}`
}
