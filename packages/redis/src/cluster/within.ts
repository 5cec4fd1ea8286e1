import { Timer } from 'server-events/transport-kit'

/** `undefined` if it has not settled within so many ms. */
export function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = new Timer(() => resolve(undefined))
    timer.arm(ms, false)
    promise.then(resolve, reject).finally(() => timer.clear())
  })
}
