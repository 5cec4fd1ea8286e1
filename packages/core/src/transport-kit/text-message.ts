import { createHash } from 'node:crypto'
import { InvalidArgumentError, SerializationError } from '../errors'
import type { EventKey, Message } from '../transport'

/*
 * For brokers that carry a text and nothing else: an event as one line of ASCII, and names for
 * channels out of parts that may be anything.
 */

/** The event with its address as one line of JSON in ASCII: no charset, NUL or line break can spoil it. */
export function encodeEvent({ name, id }: EventKey, { body, ...rest }: Message): string {
  const content =
    typeof body === 'string' ? { text: body } : { bytes: Buffer.from(body.buffer, body.byteOffset, body.byteLength) }
  const json = JSON.stringify({
    name,
    id,
    ...rest,
    ...('bytes' in content ? { bytes: content.bytes.toString('base64') } : content),
  })
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/**
 * What `encodeEvent` wrote; kinds that only a later version knows come through as they are.
 * @throws SerializationError for anything else; it tells nothing of what came
 */
export function decodeEvent(text: string): { key: EventKey; message: Message } {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw unreadable()
  }
  const { name, id, kind, text: string, bytes, headers, kept } = Object(parsed) as Record<string, unknown>
  const body =
    typeof string === 'string'
      ? string
      : typeof bytes === 'string'
        ? new Uint8Array(Buffer.from(bytes, 'base64'))
        : undefined
  if (!isText(name) || !isText(id) || !isText(kind) || body === undefined) throw unreadable()
  if (kept !== undefined && typeof kept !== 'boolean') throw unreadable()
  if (headers !== undefined && !isHeaders(headers)) throw unreadable()
  const message = {
    kind: kind as Message['kind'],
    body,
    ...(headers !== undefined && { headers }),
    ...(kept !== undefined && { kept }),
  }
  return { key: { name, id }, message }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isHeaders(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((one) => typeof one === 'string')
  )
}

function unreadable(): SerializationError {
  return new SerializationError('a message was dropped: it cannot be read')
}

const DIGEST = 32
const allReserved = /[^-\w]/gu

/**
 * A name for a channel, a topic or a key out of parts that may hold anything, at most `maxLength`
 * ASCII characters long: letters, digits, `-` and `_` stay, any other is written as `=` and two
 * digits for each byte of UTF-8, and `.` is between parts. What would be longer ends in `~` and 192
 * bits of its SHA-256, so different parts never share one; they cannot be read back from that.
 * @throws InvalidArgumentError if there is no room for a hash: less than 40
 */
export function channelName(parts: readonly string[], maxLength = 255): string {
  if (!Number.isInteger(maxLength) || maxLength < 40)
    throw new InvalidArgumentError('a channel name needs room for at least 40 characters')
  const name = parts.map(encodePart).join('.')
  if (name.length <= maxLength) return name
  const digest = createHash('sha256').update(name).digest('base64url').slice(0, DIGEST)
  return `${name.slice(0, maxLength - DIGEST - 1)}~${digest}`
}

function encodePart(part: string): string {
  return part.replace(allReserved, (char) => Buffer.from(char).toString('hex').toUpperCase().replace(/../g, '=$&'))
}
