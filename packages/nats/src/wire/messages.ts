import { headers as newHeaders } from '@nats-io/transport-node'
import type { MsgHdrs } from '@nats-io/transport-node'
import { SerializationError, UnsupportedError } from 'server-events'
import type { Message } from 'server-events'
import { quoted } from '../errors'
import type { ReceivedHeaders } from './headers'

/*
 * A message on the wire: the body as it is, and headers.
 *
 *     Se-Kind     "event", "failure", "question", "answer" or what a later version sends: letters
 *     Se-Body     "bytes"; "utf16" for a string that UTF-8 cannot carry; without: a string, UTF-8
 *     Se-Kept     "true" or "false": whether the producer keeps the outcome; without: not known
 *     Se-Headers  JSON, of the message's headers those that NATS would change or obey
 *
 * The message's other headers travel under their own names, so that NATS' own tools see them. A
 * message without Se-Kind is an event as well: anybody's `nats pub se.report.42 '["done"]'`.
 */

const KIND = 'Se-Kind'
const BODY = 'Se-Body'
const KEPT = 'Se-Kept'
const ODD = 'Se-Headers'

/** Headers with a meaning to NATS or to us. */
const owned = /^(nats|kv|se)-/i

/** Beside a message that is stored: for how many ms it is kept. */
const KEEP = 'Se-Keep'

export interface Wire {
  readonly data: Uint8Array
  readonly headers: MsgHdrs
}

/** The message as it is now: what the caller does to its bytes later changes nothing. */
export function encode({ kind, body, headers, kept }: Message): Wire {
  const wire = newHeaders()
  wire.set(KIND, kind)
  if (kept !== undefined) wire.set(KEPT, String(kept))
  if (headers) encodeHeaders(headers, wire)
  if (typeof body !== 'string') {
    wire.set(BODY, 'bytes')
    return { data: new Uint8Array(body), headers: wire }
  }
  if (body.isWellFormed()) return { data: Buffer.from(body), headers: wire }
  wire.set(BODY, 'utf16')
  return { data: Buffer.from(body, 'utf16le'), headers: wire }
}

function encodeHeaders(headers: Readonly<Record<string, string>>, wire: MsgHdrs): void {
  const odd: [string, string][] = []
  for (const [name, value] of Object.entries(headers)) {
    if (isPlain(name, value)) wire.set(name, value)
    else odd.push([name, value])
  }
  // An empty object as well, which otherwise would arrive as none.
  if (odd.length > 0 || Object.keys(headers).length === 0) wire.set(ODD, JSON.stringify(Object.fromEntries(odd)))
}

/** Whether it arrives as it is. The client trims values, and a line break would begin another header. */
function isPlain(name: string, value: string): boolean {
  return (
    /^[!#$%&'*+.^`|~\w-]+$/.test(name) &&
    !owned.test(name) &&
    !/[\u0000-\u001f\u007f]/.test(value) &&
    value.trim() === value &&
    value.isWellFormed()
  )
}

/** The headers of a message that is stored for so many ms. */
export function keptHeaders(headers: MsgHdrs, keepMs: number): MsgHdrs {
  const kept = newHeaders()
  for (const [name, [value = '']] of headers) kept.set(name, value)
  kept.set(KEEP, String(keepMs))
  return kept
}

/** How long a stored message is kept, in ms; `undefined` if it does not say. */
export function keepOf(headers: ReceivedHeaders): number | undefined {
  const keep = headers.get(KEEP)
  return keep === undefined ? undefined : Number(keep)
}

/**
 * @throws UnsupportedError for what a later version has sent, SerializationError for what cannot be
 * read; they name the event and nothing of the payload
 */
export function decode(name: string, data: Uint8Array, wire: ReceivedHeaders | undefined): Message {
  if (!wire) return { kind: 'event', body: textOf(data) }
  const kind = wire.get(KIND) ?? 'event'
  if (!/^[a-z]{1,32}$/.test(kind)) throw unknown(name)
  const kept = wire.get(KEPT)
  const headers = decodeHeaders(name, wire)
  return {
    kind: kind as Message['kind'],
    body: decodeBody(name, wire.get(BODY) ?? '', data),
    ...(headers && { headers }),
    ...(kept !== undefined && { kept: kept === 'true' }),
  }
}

function decodeBody(name: string, form: string, data: Uint8Array): string | Uint8Array {
  switch (form) {
    case '':
      return textOf(data)
    case 'utf16':
      return bufferOf(data).toString('utf16le')
    case 'bytes':
      // A copy: what came is a part of what was read from the socket.
      return new Uint8Array(data)
    default:
      throw unknown(name)
  }
}

function decodeHeaders(name: string, wire: ReceivedHeaders): Record<string, string> | undefined {
  const own = [...wire].filter(([header]) => !owned.test(header))
  const odd = wire.get(ODD)
  if (odd === undefined) return own.length === 0 ? undefined : Object.fromEntries(own)
  let parsed: unknown
  try {
    parsed = JSON.parse(odd)
  } catch {
    throw unreadable(name)
  }
  if (
    typeof parsed !== 'object' ||
    parsed === null ||
    !Object.values(parsed).every((value) => typeof value === 'string')
  )
    throw unreadable(name)
  return Object.fromEntries([...own, ...Object.entries(parsed)])
}

function textOf(data: Uint8Array): string {
  return bufferOf(data).toString()
}

function bufferOf(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

function unknown(name: string): UnsupportedError {
  return new UnsupportedError(
    `a message of event ${quoted(name)} was dropped: it is of a later version of @server-events/nats`,
  )
}

export function unreadable(name: string): SerializationError {
  return new SerializationError(`a message of event ${quoted(name)} was dropped: it cannot be read`)
}
