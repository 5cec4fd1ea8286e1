/**
 * Calls what a user gave us; whatever it throws or rejects with goes to `failed`, not to the process.
 * Returns a promise, which never rejects, while it is still at work.
 */
export function guard(callback: () => unknown, failed: (error: unknown) => void): Promise<unknown> | undefined {
  try {
    const result = callback()
    if (isThenable(result)) return Promise.resolve(result).then(undefined, failed)
  } catch (error) {
    failed(error)
  }
  return undefined
}

/** Also one that can be called, as the promises of some RPC clients are. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const mayBe = typeof value === 'function' || (typeof value === 'object' && value !== null)
  return mayBe && typeof (value as { then?: unknown }).then === 'function'
}
