import type { EventKey, Message } from 'server-events'
import { encodeName, joinLines, lineOf } from './wire'

/*
 * A kept outcome is a frame of one, in wire 2 whatever wire is spoken, at `<prefix>kept:<name>:<id>`.
 */

/** What is stored of an event before it is published. */
export interface Kept {
  readonly key: string
  readonly value: string
  readonly ms: number
}

export function keyOf(prefix: string, { name, id }: EventKey): string {
  return `${prefix}kept:${encodeName(name)}:${encodeName(id)}`
}

export function keptOf(prefix: string, key: EventKey, message: Message, ms: number): Kept {
  return { key: keyOf(prefix, key), value: joinLines([lineOf(key, message)]), ms }
}
