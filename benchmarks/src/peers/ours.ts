import { RedisTransport, type RedisTransportOptions } from '@server-events/redis'
import { ServerEvents } from 'server-events'
import { name, payload, timeout, type Emitter, type Peer, type Waiter } from './peer'

export function ours(url: string, transport: RedisTransportOptions, keep: boolean): Peer {
  const make = (options: { listen?: string[] }): ServerEvents =>
    new ServerEvents(new RedisTransport(url, transport), { timeout, ...(keep ? { keep: timeout } : {}), ...options })
  return {
    async waiter(): Promise<Waiter> {
      // By id, a subscription of the whole name would hear what this mode is there to leave out.
      const byId = (transport.channels as string | undefined) === 'id'
      const events = make(byId ? {} : { listen: [name] })
      await events.init()
      return { wait: (id) => events.on(name, id), close: () => events.close() }
    },
    async emitter(): Promise<Emitter> {
      const events = make({})
      await events.init()
      return { emit: (id) => void events.emit(name, id, payload), close: () => events.close() }
    },
  }
}
