/** Values looked at; of args with more, no message is told. */
const mostValues = 1000
const longestMessage = 200
const unsaid = '…'

/**
 * A schema library's message without the values of the args it is about, which some libraries
 * repeat ("received "hunter2"", "was 4711"). What a message makes of a value itself, a user's own
 * text that holds half of it for example, cannot be known here.
 */
export function withoutValues(message: string, args: unknown): string {
  const values = new Set<string>()
  if (!collect(args, values, new Set())) return 'not valid'
  let told = message
  for (const value of [...values].sort((a, b) => b.length - a.length)) {
    if (told.includes(value)) told = told.replace(wholeWord(value), unsaid)
  }
  return told.length > longestMessage ? `${told.slice(0, longestMessage)}${unsaid}` : told
}

/** False when there are too many. */
function collect(value: unknown, into: Set<string>, seen: Set<object>): boolean {
  if (into.size + seen.size > mostValues) return false
  if (typeof value === 'object' && value !== null) {
    if (seen.has(value)) return true
    seen.add(value)
    if (value instanceof Date) into.add(String(value)).add(JSON.stringify(value).replaceAll('"', ''))
    const inner = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value)
    return inner.length <= mostValues && inner.every((part) => collect(part, into, seen))
  }
  if (typeof value === 'string' && value !== '') into.add(value).add(JSON.stringify(value).slice(1, -1))
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') into.add(String(value))
  return true
}

/** Where it is not part of a longer word: a value "a" must not empty every message. */
function wholeWord(value: string): RegExp {
  const escaped = value.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  return new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])`, 'gu')
}
