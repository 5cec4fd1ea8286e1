/*
 * An id may say whose it is: it then ends with "~" and a label of 11 characters, and all ids of one
 * label are a home. Only the end counts, so that an id may be put together: `${order}:${createId()}`.
 *
 *     label = 8 characters of base64url, and 3 that check them
 *
 * The check is there so that ids of somebody else's making do not end like this by chance: of those
 * that have a "~" there and base64url behind it, one in 262,144 does.
 */

/** How many characters a label has. */
const LENGTH = 11
const CHECKED = 8

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The character code of each digit of base64url. */
export const digits: Uint8Array = Uint8Array.from(ALPHABET, (char) => char.charCodeAt(0))

const isDigit = Uint8Array.from({ length: 128 }, (_, unit) => Number(ALPHABET.includes(String.fromCharCode(unit))))

/**
 * The label that an id ends with; undefined if it has none.
 *
 * Where a transport has homes, the events of all ids with one label go to whoever subscribed the home.
 */
export function homeOf(id: string): string | undefined {
  return hasHome(id) ? id.slice(-LENGTH) : undefined
}

/** The part of a name that an id belongs to: its home, as `~` and the label, or itself alone. No id without a home is like that. */
export function partOf(id: string): string {
  return hasHome(id) ? id.slice(-LENGTH - 1) : id
}

/** The three characters that check the first eight of a label. */
export function checkOf(text: string): string {
  const check = checksum(text, 0)
  return String.fromCharCode(...[0, 6, 12].map((bits) => digits[(check >>> bits) & 63] as number))
}

function hasHome(id: string): boolean {
  const start = id.length - LENGTH
  if (start < 1 || id.charCodeAt(start - 1) !== 0x7e /* ~ */) return false
  for (let at = start; at < start + CHECKED; at++) if (isDigit[id.charCodeAt(at)] !== 1) return false
  const check = checksum(id, start)
  return (
    id.charCodeAt(start + CHECKED) === digits[check & 63] &&
    id.charCodeAt(start + CHECKED + 1) === digits[(check >>> 6) & 63] &&
    id.charCodeAt(start + CHECKED + 2) === digits[(check >>> 12) & 63]
  )
}

/** FNV-1a over eight characters, its upper bits mixed into the lower ones. */
function checksum(text: string, start: number): number {
  let hash = 0x811c9dc5
  for (let at = start; at < start + CHECKED; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash ^ (hash >>> 15)
}
