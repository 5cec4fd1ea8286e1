import { PayloadTooLargeError, SerializationError, UnsupportedError } from 'server-events'
import type { EventKey, Message, Receiver } from 'server-events'
import { quoted } from '../errors'

/*
 * Wire 2. Every message travels in a frame:
 *
 *     frame = "se2" *( LF tag id TAB [headers JSON] TAB body )
 *     tag   = "e" string body | "q" body as a JSON string | "b" bytes, base64 | "f" failure
 *           | "k" of another kind: kind SP, then "e", "q" or "b" and the body as there
 *
 * An upper case tag says that the producer keeps the outcome. Ids are encoded as in channels, so a
 * line is skipped by looking for its first TAB and its LF.
 */

const VERSION = 'se2'

/** In UTF-16 units: an id, and one of which each unit is encoded. */
const MAX_ID = 512
const MAX_ENCODED = 3 * MAX_ID + 1

/** In UTF-16 units of JSON: objects of many keys are dear to parse, so nobody is to make us do it. */
const MAX_HEADERS = 64 * 1024

/** How the text begins of what is neither an event nor a failure: its kind, and the form of its body. */
const otherKind = /^([a-z]{1,32}) ([eqb])/

const reserved = /[%:{}\u0000-\u001f]/
const allReserved = /[%:{}\u0000-\u001f]/g

/** Percent-encodes what would separate something: names and ids in channels, ids in frames. */
export function encodeName(text: string): string {
  if (!reserved.test(text)) return text
  return text.replace(allReserved, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

/** `undefined` for what `encodeName` would not have written. */
export function decodeName(text: string): string | undefined {
  if (!reserved.test(text)) return text
  const decoded = text.replace(/%([0-7][0-9A-F])/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return encodeName(decoded) === text ? decoded : undefined
}

/** Makes a pattern that matches this text only. */
export function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&')
}

/** Begins every channel of an event name. */
export function channelOf(prefix: string, name: string): string {
  return `${prefix}${encodeName(name)}:`
}

export function joinLines(lines: readonly string[]): string {
  return `${VERSION}\n${lines.join('\n')}`
}

/** @throws UnsupportedError if the failure is not one line of text, PayloadTooLargeError for its headers */
export function lineOf(key: EventKey, message: Message): string {
  const { body, headers, kept } = message
  let tag: string
  let text: string
  if (typeof body !== 'string') {
    tag = 'b'
    text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64')
  } else if (body.includes('\n') || !body.isWellFormed()) {
    tag = 'q'
    text = JSON.stringify(body)
  } else {
    tag = 'e'
    text = body
  }
  if (message.kind === 'failure') {
    if (tag !== 'e') throw new UnsupportedError(`the failure of event ${quoted(key.name)} is not one line of text`)
    tag = 'f'
  } else if (message.kind !== 'event') {
    text = `${message.kind} ${tag}${text}`
    tag = 'k'
  }
  if (kept) tag = tag.toUpperCase()
  return `${tag}${encodeName(key.id)}\t${headers ? textOfHeaders(key, headers) : ''}\t${text}`
}

function textOfHeaders({ name }: EventKey, headers: Readonly<Record<string, string>>): string {
  const text = JSON.stringify(headers)
  if (text.length <= MAX_HEADERS) return text
  throw new PayloadTooLargeError(
    `the headers of event ${quoted(name)} are over ${MAX_HEADERS / 1024} KiB: send less in them`,
  )
}

/**
 * Reads a frame that came on a channel of this name and delivers what the receiver wants of it.
 * `suffix` is what follows the name in the channel: empty, the id of the only event or, with a brace,
 * which no encoded id has, something that several ids have in common. Never throws; what cannot be
 * read is reported, once a frame.
 */
export function readFrame(name: string, suffix: string, frame: string, receiver: Receiver): void {
  // A raw separator: the channel belongs to someone whose prefix begins like ours.
  if (suffix.includes(':')) return
  if (!frame.startsWith(VERSION) || (frame.length > VERSION.length && frame[VERSION.length] !== '\n')) {
    receiver.error('outputStore', foreign(name, frame))
    return
  }

  const isLone = suffix !== '' && !suffix.startsWith('{')
  // Asked once a frame, and what is reserved of wanted ids only: to skip an event must cost next to nothing.
  const escapes = frame.includes('%')
  // One object for all questions; what is delivered has a key of its own.
  const asked = { name, id: '' }
  let garbage = false
  // The next TAB, wherever it is: looked for anew only behind the last one, or lines without any would cost their square.
  let tab = -1
  for (let start = VERSION.length + 1, end; start <= frame.length; start = end + 1) {
    const newline = frame.indexOf('\n', start)
    end = newline < 0 ? frame.length : newline
    if (tab < start) tab = indexOrEnd(frame, '\t', start)
    const encoded = tab < end && tab - start <= MAX_ENCODED ? frame.slice(start + 1, tab) : ''
    const id = escapes ? decodeName(encoded) : encoded
    if (id === undefined || id === '' || id.length > MAX_ID) garbage = true
    else if (isLone && suffix !== encoded) garbage = true
    else {
      asked.id = id
      if (receiver.wants(asked) && !readLine({ name, id }, encoded, frame.slice(start, end), receiver)) garbage = true
    }
  }
  if (garbage) receiver.error('outputStore', unreadable(name))
}

function indexOrEnd(text: string, char: string, from: number): number {
  const index = text.indexOf(char, from)
  return index < 0 ? text.length : index
}

/** The message of a frame that holds nothing else, of this id; `undefined` for anything else. Never throws. */
export function readLoneFrame(id: string, frame: string): Message | undefined {
  const start = VERSION.length + 1
  const tab = frame.indexOf('\t')
  const second = frame.indexOf('\t', tab + 1)
  if (!frame.startsWith(`${VERSION}\n`) || frame.includes('\n', start) || tab < 0 || second < 0) return undefined
  if (decodeName(frame.slice(start + 1, tab)) !== id) return undefined
  const tag = frame[start] ?? ''
  // Nothing but an outcome is ever kept.
  return tag === 'k' || tag === 'K' ? undefined : messageOf(tag, frame.slice(tab + 1, second), frame.slice(second + 1))
}

/** False if it is not what `lineOf` writes. */
function readLine(key: EventKey, encoded: string, line: string, receiver: Receiver): boolean {
  if (decodeName(encoded) === undefined) return false
  const header = encoded.length + 2
  const second = line.indexOf('\t', header)
  if (second < 0) return false
  const message = messageOf(line[0] ?? '', line.slice(header, second), line.slice(second + 1))
  if (!message) return false
  receiver.deliver(key, message)
  return true
}

function messageOf(tag: string, header: string, text: string): Message | undefined {
  const headers = header === '' ? undefined : headersOf(header)
  if (headers === null) return undefined
  const lower = tag.toLowerCase()
  const [, kind, form = lower] =
    lower === 'k' ? (otherKind.exec(text) ?? []) : [undefined, lower === 'f' ? 'failure' : 'event']
  if (kind === undefined) return undefined
  const body = bodyOf(form, lower === 'k' ? text.slice(kind.length + 2) : text)
  if (body === undefined) return undefined
  return {
    kind: kind as Message['kind'],
    body,
    ...(headers && { headers }),
    kept: tag !== lower,
  }
}

function bodyOf(tag: string, text: string): string | Uint8Array | undefined {
  switch (tag) {
    case 'e':
    case 'f':
      return text
    case 'q': {
      const body = parse(text)
      return typeof body === 'string' ? body : undefined
    }
    case 'b': {
      const bytes = Buffer.from(text, 'base64')
      // Node skips what is not base64; a copy, because small buffers share their memory.
      return bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined
    }
    default:
      return undefined
  }
}

/** `null` for what are not headers. */
function headersOf(text: string): Record<string, string> | null {
  const value = text.length > MAX_HEADERS ? undefined : parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return Object.values(value).every((one) => typeof one === 'string') ? (value as Record<string, string>) : null
}

/** `undefined` for what is not JSON: JSON has no such value. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A message of an event that is not what it should be. */
export function unreadable(name: string): SerializationError {
  return new SerializationError(`a message of event ${quoted(name)} cannot be read`)
}

/** A frame of another version than this one. */
export function isOfOtherWire(frame: string): boolean {
  return /^se\d{1,6}(?:\n|$)/.test(frame) && !/^se2(?:\n|$)/.test(frame)
}

/** The text of the line of a frame that `readLoneFrame` can read. */
export function lineIn(frame: string): string {
  return frame.slice(VERSION.length + 1)
}

function foreign(name: string, frame: string): SerializationError | UnsupportedError {
  // Without the version: one peer could make up a million, each of them news.
  return isOfOtherWire(frame)
    ? new UnsupportedError(
        `a message of event ${quoted(name)} is in another wire version than 2: upgrade all processes`,
      )
    : unreadable(name)
}
