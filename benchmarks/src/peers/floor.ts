import { payload, type Peer } from './peer'

/** What no library can leave out: a Map, a promise and a JSON round trip a wait, in one process, without a network. */
export function floor(): Peer {
  return {
    waiter: () => {
      const pending = new Map<string, (value: unknown) => void>()
      let asked: string[] = []
      const answer = (): void => {
        const ids = asked
        asked = []
        for (const id of ids) {
          const resolve = pending.get(id)
          pending.delete(id)
          resolve?.(JSON.parse(JSON.stringify([payload])))
        }
      }
      return Promise.resolve({
        triggers: true,
        wait: (id) =>
          new Promise((resolve) => {
            pending.set(id, resolve)
            if (asked.push(id) === 1) setImmediate(answer)
          }),
        close: () => Promise.resolve(),
      })
    },
    emitter: () => Promise.resolve({ emit: () => undefined, close: () => Promise.resolve() }),
  }
}
