import { RedisTransport } from '@server-events/redis'
import { ServerEvents, type Topic } from 'server-events'
import { name, payload, timeout, type Emitter, type Peer, type Waiter } from './peer'
import type { PeerSpec } from './spec'

export function ours({ url, transport = {}, keep = false, names = 1, spread = false, pending = 0 }: PeerSpec): Peer {
  const byId = transport.channels === 'id'
  const all = [name, ...Array.from({ length: names - 1 }, (_, index) => `${name}-${index}`)]
  const nameOf = spread ? (id: string): string => all[Number(id) % names] ?? name : (): string => name
  const connect = (): RedisTransport => new RedisTransport(url, transport)
  const make = (over: RedisTransport, options: { listen?: string[] }): ServerEvents =>
    new ServerEvents(over, { timeout, ...(keep ? { keep: timeout } : {}), ...options })
  return {
    async waiter(): Promise<Waiter> {
      const over = connect()
      const standing = byId ? subscriptionsOf(over) : undefined
      // By id, a subscription of the whole name would hear what this mode is there to leave out.
      const events = make(over, byId ? {} : { listen: all })
      await events.init()
      for (let id = 0; id < pending; id++) void events.on(name, `pending-${id}`, 24 * 3600 * 1000)
      return {
        wait: (id) => events.on(nameOf(id), id),
        ...(standing && { standing }),
        close: () => events.close(),
      }
    },
    async emitter(): Promise<Emitter> {
      const events = make(connect(), {})
      await events.init()
      return { emit: (id) => void events.emit(nameOf(id), id, payload), close: () => events.close() }
    },
  }
}

/**
 * Tells when the subscription of a wait stands. Plain events before that may be missed: users of
 * this mode begin the work that leads to the event later, and so does the benchmark.
 */
function subscriptionsOf(transport: RedisTransport): (id: string) => Promise<void> {
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
