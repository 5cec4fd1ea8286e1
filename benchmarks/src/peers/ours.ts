import { PostgresTransport } from '@server-events/postgres'
import { RedisTransport } from '@server-events/redis'
import { homeOf, ServerEvents, type Keep, type Topic, type Transport } from 'server-events'
import { sealed } from 'server-events/sealed'
import { name, payload, timeout, type Emitter, type Peer, type Waiter } from './peer'
import type { PeerSpec } from './spec'

/** Of the sealed ones. */
const secrets = ['a secret of sixteen bytes or more']

export function ours(spec: PeerSpec): Peer {
  const { url, transport = {}, names = 1, spread = false, pending = 0, homes = false } = spec
  const byId = transport.channels === 'id' && !homes
  const all = [name, ...Array.from({ length: names - 1 }, (_, index) => `${name}-${index}`)]
  const nameOf = spread ? (id: string): string => all[Number(id) % names] ?? name : (): string => name
  const connect = (): Transport =>
    spec.postgres === true ? new PostgresTransport(url) : new RedisTransport(url, transport)
  const make = (over: Transport, options: { listen?: string[] }): ServerEvents =>
    new ServerEvents(spec.sealed === true ? sealed(over, { secrets }) : over, { timeout, ...keepOf(spec), ...options })
  return {
    async waiter(): Promise<Waiter> {
      await prepare(spec)
      const over = connect()
      const standing = byId ? subscriptionsOf(over) : undefined
      // By id, a subscription of the whole name would hear what this mode is there to leave out.
      const events = make(over, byId ? {} : { listen: all })
      await events.init()
      const suffix = homes ? `~${String(homeOf(events.createId()))}` : spec.longIds === true ? '-no-label-at' : ''
      for (let id = 0; id < pending; id++) void events.on(name, `pending-${id}`, 24 * 3600 * 1000)
      return {
        wait: (id) => events.on(nameOf(id), id),
        ...(standing && { standing }),
        suffix,
        close: () => events.close(),
      }
    },
    async emitter(): Promise<Emitter> {
      await prepare(spec)
      const events = make(connect(), {})
      await events.init()
      return { emit: (id) => void events.emit(nameOf(id), id, payload), close: () => events.close() }
    },
  }
}

async function prepare({ traced }: PeerSpec): Promise<void> {
  if (traced === true) (await import('./telemetry.js')).trace()
}

function keepOf({ keep = false, once = false }: PeerSpec): { keep?: number | Record<string, Keep> } {
  if (once) return { keep: { [name]: { ms: timeout, once: true } } }
  return keep ? { keep: timeout } : {}
}

/**
 * Tells when the subscription of a wait stands. Plain events before that may be missed: users of
 * this mode begin the work that leads to the event later, and so does the benchmark.
 */
function subscriptionsOf(transport: Transport): (id: string) => Promise<void> {
  const subscribe = transport.subscribe.bind(transport)
  const waiting = new Map<string, () => void>()
  const stood = new Set<string>()
  transport.subscribe = async (topic: Topic) => {
    await subscribe(topic)
    const { id = '' } = topic
    const tell = waiting.get(id)
    if (tell === undefined) stood.add(id)
    waiting.delete(id)
    tell?.()
  }
  return (id) => (stood.delete(id) ? Promise.resolve() : new Promise((resolve) => waiting.set(id, resolve)))
}
