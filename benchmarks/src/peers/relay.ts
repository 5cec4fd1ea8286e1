import { Relay, type RelaySubscription } from 'bullmq'
import { name, payload, timeout, type Emitter, type Peer, type Waiter } from './peer'

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly timer: NodeJS.Timeout
}

/**
 * Messages to whoever subscribed. Plain, one subscription and a Map serve all waits. What is retained
 * goes to new subscriptions of its very topic only: then each wait has one of its own.
 */
export function relay(url: string, keep: boolean): Peer {
  const prefix = `${name}.`
  const connect = async (): Promise<Relay> => {
    const made = new Relay({ connection: { url, maxRetriesPerRequest: null } })
    await made.waitUntilReady()
    return made
  }
  return {
    async waiter(): Promise<Waiter> {
      const own = await connect()
      const pending = new Map<string, Pending>()
      const wait = (id: string): Promise<unknown> =>
        new Promise((resolve, reject) => {
          const timer = setTimeout(() => {
            pending.delete(id)
            reject(new Error('timeout'))
          }, timeout)
          pending.set(id, { resolve, timer })
        })
      const settle = ({ topic, data }: { topic: string; data: unknown }): void => {
        const id = topic.slice(prefix.length)
        const wait = pending.get(id)
        if (wait === undefined) return
        pending.delete(id)
        clearTimeout(wait.timer)
        wait.resolve(data)
      }
      const close = (): Promise<void> => own.close()
      if (!keep) {
        await own.subscribe(`${prefix}*`, settle)
        return { wait, close }
      }
      return {
        wait: async (id) => {
          const waiting = wait(id)
          const subscription: RelaySubscription = await own.subscribe(prefix + id, settle)
          const value = await waiting
          void subscription.unsubscribe()
          return value
        },
        close,
      }
    },
    async emitter(): Promise<Emitter> {
      const own = await connect()
      return {
        emit: (id) => void own.publish(prefix + id, [payload], keep ? { retain: timeout } : {}),
        close: () => own.close(),
      }
    },
  }
}
