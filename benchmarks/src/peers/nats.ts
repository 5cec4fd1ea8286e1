import { connect } from '@nats-io/transport-node'
import { name, payload, timeout, type Emitter, type Peer, type Waiter } from './peer'

/** Core NATS with the same correlation by hand. */
export function natsByHand(servers: string): Peer {
  const prefix = `${name}.`
  return {
    async waiter(): Promise<Waiter> {
      const connection = await connect({ servers })
      const pending = new Map<string, { resolve: (value: unknown) => void; timer: NodeJS.Timeout }>()
      connection.subscribe(`${prefix}*`, {
        callback: (_, message) => {
          const id = message.subject.slice(prefix.length)
          const wait = pending.get(id)
          if (wait === undefined) return
          pending.delete(id)
          clearTimeout(wait.timer)
          wait.resolve(message.json())
        },
      })
      await connection.flush()
      return {
        wait: (id) =>
          new Promise((resolve, reject) => {
            const timer = setTimeout(() => {
              pending.delete(id)
              reject(new Error('timeout'))
            }, timeout)
            pending.set(id, { resolve, timer })
          }),
        close: () => connection.close(),
      }
    },
    async emitter(): Promise<Emitter> {
      const connection = await connect({ servers })
      return {
        emit: (id) => {
          connection.publish(prefix + id, JSON.stringify([payload]))
        },
        close: () => connection.close(),
      }
    },
  }
}
