/** What a timer can wait at most; asked for more, it fires at once. */
export const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Calls back after so many ms; after 0 in a promise reaction: never inside this call, in the order
 * of the calls and, unlike anything with a timer or `nextTick`, also under fake timers.
 */
export function after(ms: number, callback: () => void): NodeJS.Timeout | undefined {
  if (ms > 0) return setTimeout(callback, ms)
  void Promise.resolve().then(callback)
  return undefined
}
