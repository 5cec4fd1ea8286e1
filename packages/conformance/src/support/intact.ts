import { isUint8Array } from 'node:util/types'
import type { Message } from 'server-events'
import { show } from './show'

/** What has changed on the way; undefined if nothing has. */
export function differences(sent: Message, got: Message): string | undefined {
  if (got.kind !== sent.kind) return `kind is ${show(got.kind)} instead of ${show(sent.kind)}`
  return bodyDifference(sent.body, got.body) ?? headerDifference(sent, got) ?? keptDifference(sent.kept, got.kept)
}

export function bodyDifference(sent: Message['body'], got: Message['body']): string | undefined {
  if (typeof sent === 'string') {
    if (typeof got !== 'string') return 'a string became bytes'
    return got === sent ? undefined : `of a string of ${sent.length} characters came ${show(got)}`
  }
  if (!isUint8Array(got)) return `bytes became a ${typeof got}`
  return Buffer.compare(sent, got) === 0 ? undefined : `${sent.length} bytes became ${got.length} others`
}

export function headerDifference({ headers: sent = {} }: Message, { headers: got = {} }: Message): string | undefined {
  const sorted = (headers: object): string =>
    JSON.stringify(Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1)))
  return sorted(got) === sorted(sent) ? undefined : `headers are ${show(got)} instead of ${show(sent)}`
}

/** A wire that cannot tell leaves it out; one that can tells the truth, and may say false for nothing said. */
export function keptDifference(sent: boolean | undefined, got: boolean | undefined): string | undefined {
  return got === undefined || got === (sent ?? false) ? undefined : `kept is ${got} instead of ${show(sent)}`
}
