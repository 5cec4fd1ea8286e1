import { Redis } from 'ioredis'
import { name, payload, timeout, type Emitter, type Peer, type Waiter } from './peer'

/** What one writes without a library: PSUBSCRIBE once, a Map of resolvers, setTimeout a wait, auto-pipelined PUBLISH. */
export function byHand(url: string, keep: boolean): Peer {
  const prefix = `${name}:`
  return {
    async waiter(): Promise<Waiter> {
      const subscriber = new Redis(url)
      const reader = new Redis(url, { enableAutoPipelining: true })
      const pending = new Map<string, { resolve: (value: unknown) => void; timer: NodeJS.Timeout }>()
      const settle = (id: string, message: string): void => {
        const wait = pending.get(id)
        if (wait === undefined) return
        pending.delete(id)
        clearTimeout(wait.timer)
        wait.resolve(JSON.parse(message))
      }
      subscriber.on('pmessage', (_: string, channel: string, message: string) => {
        settle(channel.slice(prefix.length), message)
      })
      await subscriber.psubscribe(`${prefix}*`)
      return {
        wait: (id) =>
          new Promise((resolve, reject) => {
            const timer = setTimeout(() => {
              pending.delete(id)
              reject(new Error('timeout'))
            }, timeout)
            pending.set(id, { resolve, timer })
            if (!keep) return
            void reader.get(`kept:${prefix}${id}`).then((message) => {
              if (message !== null) settle(id, message)
            })
          }),
        close: () => {
          subscriber.disconnect()
          reader.disconnect()
          return Promise.resolve()
        },
      }
    },
    async emitter(): Promise<Emitter> {
      const publisher = new Redis(url, { enableAutoPipelining: true })
      await publisher.ping()
      return {
        emit: (id) => {
          const message = JSON.stringify([payload])
          if (keep) void publisher.set(`kept:${prefix}${id}`, message, 'PX', timeout)
          void publisher.publish(prefix + id, message)
        },
        close: () => {
          publisher.disconnect()
          return Promise.resolve()
        },
      }
    },
  }
}
