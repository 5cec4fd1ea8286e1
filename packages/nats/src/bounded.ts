import { ConnectionError } from 'server-events'
import type { Connection } from './link'
import { Timer } from './timer'

/**
 * Settles as the promise does, unless the connection ends before or so many ms pass: the client
 * leaves pending what it asked on a connection that was lost.
 */
export function bounded<T>(connection: Connection, promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      timer.clear()
      connection.onEnd.delete(ended)
    }
    const fail = (what: string): void => {
      settle()
      reject(new ConnectionError(`nats at ${connection.place} ${what}`))
    }
    const ended = (): void => fail('did not answer: the connection was lost')
    const timer = new Timer(() => fail(`did not answer within ${ms} ms`))
    connection.onEnd.add(ended)
    timer.arm(ms, true)
    promise.then(
      (value) => {
        settle()
        resolve(value)
      },
      (error: unknown) => {
        settle()
        reject(error)
      },
    )
  })
}
