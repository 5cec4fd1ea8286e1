import { UnsupportedError } from 'server-events'
import type { EventKey, Message, Once } from 'server-events'
import { quoted } from '../errors'
import { encodeName, isOfOtherWire, joinLines, lineOf, readLoneFrame } from '../wire/v2'

/*
 * A kept outcome is a frame of one, in wire 2 whatever wire is spoken, at `<prefix>kept:<name>:<id>`.
 */

/** What is stored of an event before it is published. */
export interface StoredOutcome {
  readonly key: string
  readonly value: string
  readonly ms: number
}

/** One that is stored only where nothing holds. */
export interface OnceOutcome extends StoredOutcome {
  /**
   * What a value that is stored already is to it.
   * @throws UnsupportedError for one that only a later version can read
   */
  readonly once: (value: string) => ReturnType<Once>
}

export function keyOf(prefix: string, { name, id }: EventKey): string {
  return `${prefix}kept:${encodeName(name)}:${encodeName(id)}`
}

export function onceOf(prefix: string, key: EventKey, message: Message, ms: number, once: Once): OnceOutcome {
  return {
    ...keptOf(prefix, key, message, ms),
    once(value) {
      const held = readLoneFrame(key.id, value)
      if (held) return once(held)
      // What nobody can read is no outcome.
      if (!isOfOtherWire(value)) return 'none'
      throw new UnsupportedError(
        `the outcome of event ${quoted(key.name)} is in another wire version: upgrade all processes`,
      )
    },
  }
}

export function keptOf(prefix: string, key: EventKey, message: Message, ms: number): StoredOutcome {
  return { key: keyOf(prefix, key), value: joinLines([lineOf(key, message)]), ms }
}
