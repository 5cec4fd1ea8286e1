import { AsyncResource } from 'node:async_hooks'

/**
 * The context in which this module was loaded. What serves all callers, a socket, a shared timer or
 * a subscription, belongs to it: made in the context of the first request, it would carry that
 * request's AsyncLocalStorage to everybody, and keep it alive.
 */
const root = new AsyncResource('server-events')

export function inRootContext<T>(callback: () => T): T {
  return root.runInAsyncScope(callback)
}

/** The same function, which runs in the context of this call whoever calls it. */
export function inThisContext<A extends unknown[], R>(callback: (...args: A) => R): (...args: A) => R {
  const resource = new AsyncResource('server-events.listener')
  return (...args) => resource.runInAsyncScope(callback, undefined, ...args)
}
