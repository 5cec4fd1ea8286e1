import { inspect } from 'node:util'

/** For people: names and bodies may be long. */
export function show(value: unknown): string {
  return inspect(value, { breakLength: Infinity, compact: 100, depth: 4, maxArrayLength: 20, maxStringLength: 100 })
}

export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code
}

export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `${typeof error} instead of an Error`
  const code = codeOf(error)
  return `${typeof code === 'string' ? code : error.name}: ${error.message}`
}
