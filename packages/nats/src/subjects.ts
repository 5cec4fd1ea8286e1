import type { EventKey, Topic } from 'server-events'

/*
 * An event travels on the subject
 *
 *     prefix "." name "." id
 *
 * Name and id are one token each: all but letters, digits, "-", "_" and "/" is written as "=" and
 * two hexadecimal digits per byte of UTF-8. That is what a key of a key-value bucket may consist
 * of as well, so a kept outcome's key is its subject. Two different (name, id) never share one.
 */

const RESERVED = /[^-/\w]/
const ALL_RESERVED = /[^-/\w]/gu

export function encodeToken(text: string): string {
  if (!RESERVED.test(text)) return text
  return text.replace(ALL_RESERVED, (char) => Buffer.from(char).toString('hex').toUpperCase().replace(/../g, '=$&'))
}

/** `undefined` for what `encodeToken` would not have written. */
export function decodeToken(token: string): string | undefined {
  if (!RESERVED.test(token)) return token
  const text = token.replace(/(?:=[0-9A-F]{2})+/g, (run) => Buffer.from(run.replaceAll('=', ''), 'hex').toString())
  return encodeToken(text) === token ? text : undefined
}

export function subjectOf(prefix: string, { name, id }: EventKey): string {
  return `${prefix}.${encodeToken(name)}.${encodeToken(id)}`
}

/** What a topic subscribes to: one subject, or all of a name. */
export function subjectsOf(prefix: string, { name, id }: Topic): string {
  return `${prefix}.${encodeToken(name)}.${id === undefined ? '*' : encodeToken(id)}`
}

/** The id at the end of a subject; `undefined` if no transport of ours has written it. */
export function idOf(subject: string): string | undefined {
  return decodeToken(subject.slice(subject.lastIndexOf('.') + 1))
}
