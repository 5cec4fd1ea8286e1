import { homeOf } from 'server-events'
import type { EventKey, Topic } from 'server-events'

/*
 * An event travels on the subject
 *
 *     prefix "." name "." id              if the id has no label
 *     prefix "." name "." label "." id    if it has
 *
 * Name, label and id are one token each: all but letters, digits, "-", "_" and "/" is written as "="
 * and two hexadecimal digits per byte of UTF-8. That is what a key of a key-value bucket may consist
 * of as well: a kept outcome's key is the subject without a label. Two different (name, id) never
 * share one.
 */

const reserved = /[^-/\w]/
const allReserved = /[^-/\w]/gu

export function encodeToken(text: string): string {
  if (!reserved.test(text)) return text
  return text.replace(allReserved, (char) => Buffer.from(char).toString('hex').toUpperCase().replace(/../g, '=$&'))
}

/** `undefined` for what `encodeToken` would not have written. */
export function decodeToken(token: string): string | undefined {
  if (!reserved.test(token)) return token
  const text = token.replace(/(?:=[0-9A-F]{2})+/g, (run) => Buffer.from(run.replaceAll('=', ''), 'hex').toString())
  return encodeToken(text) === token ? text : undefined
}

/** Where an event is published. */
export function subjectOf(prefix: string, { name, id }: EventKey): string {
  const home = homeOf(id)
  return `${beginOf(prefix, name)}${home === undefined ? '' : `${home}.`}${encodeToken(id)}`
}

/** Where an outcome is kept: whoever waits for it, and wherever. */
export function keyOf(prefix: string, { name, id }: EventKey): string {
  return `${beginOf(prefix, name)}${encodeToken(id)}`
}

/** What a topic subscribes to: one subject, all of a home, or all of a name. */
export function subjectsOf(prefix: string, { name, id, home }: Topic): string {
  if (home !== undefined) return `${beginOf(prefix, name)}${home}.*`
  return id === undefined ? `${beginOf(prefix, name)}>` : subjectOf(prefix, { name, id })
}

/**
 * The id that a subject of this name is of; `undefined` if no transport of ours has written it, and
 * `null` if it belongs to another prefix, which begins like this one and its name.
 */
export function idOf(prefix: string, name: string, subject: string): string | null | undefined {
  const [first = '', second, ...more] = subject.slice(beginOf(prefix, name).length).split('.')
  if (second === undefined) return decodeToken(first)
  const id = decodeToken(second)
  return id !== undefined && more.length === 0 && homeOf(id) === first ? id : null
}

function beginOf(prefix: string, name: string): string {
  return `${prefix}.${encodeToken(name)}.`
}
