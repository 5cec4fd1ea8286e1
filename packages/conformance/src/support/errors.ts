import { inspect } from 'node:util'
import * as serverEvents from 'server-events'
import { codeOf, describeError } from './show'

const exported: readonly unknown[] = Object.values(serverEvents)

/** Those of all error classes of server-events, whatever the version. */
const ours = new Set(exported.map(codeOf).filter((code) => typeof code === 'string'))

/** What is wrong with an error that a transport gives to the engine; undefined if nothing is. */
export function faultOf(error: unknown, secrets: readonly string[]): string | undefined {
  return withoutCode(error, '') ?? withSecret(error, secrets)
}

function withoutCode(error: unknown, what: string, seen = new Set<unknown>()): string | undefined {
  if (!(error instanceof Error)) return `${what}${describeError(error)}`
  if (seen.has(error)) return undefined
  seen.add(error)
  if (!ours.has(String(codeOf(error)))) return `${what}${error.name}, which has none of our codes`
  // An AggregateError's are handed on just like a cause.
  const inner: readonly unknown[] = [error.cause, ...((error as { errors?: readonly unknown[] }).errors ?? [])]
  for (const one of inner) {
    const fault = one === undefined ? undefined : withoutCode(one, `${what}${String(codeOf(error))}, caused by `, seen)
    if (fault !== undefined) return fault
  }
  return undefined
}

/** Names neither the secret nor the text. */
function withSecret(error: unknown, secrets: readonly string[]): string | undefined {
  // Whatever a logger could print.
  const text =
    inspect(error, { depth: 8, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null }) +
    asJson(error)
  const found = secrets.some((secret) => spellings(secret).some((spelling) => text.includes(spelling)))
  return found ? `${String(codeOf(error))}, whose text or properties have a secret of the hub` : undefined
}

function asJson(error: unknown): string {
  try {
    return JSON.stringify(error)
  } catch {
    return ''
  }
}

function spellings(secret: string): string[] {
  return [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
    JSON.stringify(secret).slice(1, -1),
  ]
}
