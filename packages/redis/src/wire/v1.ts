import { UnsupportedError } from 'server-events'
import type { EventKey, Message, Receiver } from 'server-events'
import { quoted } from '../errors'
import { parse, unreadable } from './v2'

/*
 * The wire of server-events 1.x: channel `<name>:<id>`, raw and without prefix; payload the JSON
 * array [name, id, ...args]. Channels are ambiguous (('a:b', 'c') and ('a', 'b:c') share one): what
 * the payload says decides.
 */

export function channelOf1x({ name, id }: EventKey): string {
  return `${name}:${id}`
}

/** @throws UnsupportedError unless the body is the JSON of an array */
export function payloadOf1x({ name, id }: EventKey, { body }: Message): string {
  if (typeof body !== 'string' || !Array.isArray(parse(body)))
    throw new UnsupportedError(`wire 1.x carries JSON only: the codec made something else of event ${quoted(name)}`)
  // Cut out, not made anew: what JSON.parse rounds stays as it is.
  const args = body.trim().slice(1, -1).trim()
  return `[${JSON.stringify(name)},${JSON.stringify(id)}${args === '' ? '' : `,${args}`}]`
}

/** Reads what came on a pattern of this name. Never throws. */
export function read1x(name: string, channel: string, payload: string, receiver: Receiver): void {
  // Wire 2 under a prefix that begins like the name.
  if (payload.startsWith('se2')) return
  const parsed = parse(payload)
  if (!Array.isArray(parsed)) {
    receiver.error('outputStore', unreadable(name))
    return
  }
  const [theirName, theirId, ...args] = parsed as unknown[]
  if (typeof theirName !== 'string' || (typeof theirId !== 'string' && typeof theirId !== 'number')) {
    receiver.error('outputStore', unreadable(name))
    return
  }
  const key = { name: theirName, id: String(theirId) }
  if (channelOf1x(key) !== channel || key.id === '' || key.id.length > 512) {
    receiver.error('outputStore', unreadable(name))
    return
  }
  // It also came, or will, on the pattern of its own name.
  if (theirName !== name) return
  if (!receiver.wants(key)) return
  const body = textOf(args)
  if (body === undefined) receiver.error('outputStore', unreadable(name))
  else receiver.deliver(key, { kind: 'event', body })
}

/** `undefined` for what is nested so deeply that it can be parsed, but not be written. */
function textOf(args: readonly unknown[]): string | undefined {
  try {
    return JSON.stringify(args)
  } catch {
    return undefined
  }
}
