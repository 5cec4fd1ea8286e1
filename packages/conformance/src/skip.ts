interface Skipper {
  skip: (reason?: string) => unknown
}

function isSkipper(value: unknown): value is Skipper {
  return typeof (value as { skip?: unknown } | null | undefined)?.skip === 'function'
}

/**
 * Marks a case that is running as skipped, in the way of the runner: node:test and vitest hand a
 * context to the test, mocha makes it `this`. Jest has no such way: there a warning says it.
 */
export function skipRunning(self: unknown, context: unknown, title: string, reason: string): void {
  const runner = [context, self].find(isSkipper)
  if (runner) runner.skip(reason)
  else process.emitWarning(`skipped: ${title}: ${reason}`, 'ConformanceWarning')
}
